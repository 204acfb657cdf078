//! The layer of `ARCANOS__SECTION__KEY` variables.

use std::collections::BTreeMap;

use figment::value::{Dict, Value};

use super::{
    key::KeyPath,
    layers::{Layer, Origin, Source},
    text_value::text_value,
};

/// What the names of these variables begin with, in upper or lower case.
const PREFIX: &str = "ARCANOS__";
/// What parts the keys in a name.
const SEPARATOR: &str = "__";

/// The layer that these variables make over trees whose ids keep their spelling.
pub(super) fn layer<'a>(environment: &BTreeMap<String, String>, below: &[&Value]) -> Layer<'a> {
    let mut tree = Value::from(Dict::new());
    let mut variables = BTreeMap::new();
    for (variable, text) in environment {
        let Some(path) = path_of(variable, below) else {
            continue;
        };
        path.put(&mut tree, text_value(&path, text));
        variables.insert(path, variable.clone());
    }
    Layer { source: Source::Environment, origin: Origin::Variables(variables), tree }
}

/// The key that a variable of this name sets; `None` if it sets none.
fn path_of(variable: &str, below: &[&Value]) -> Option<KeyPath> {
    let prefix = variable.get(..PREFIX.len())?;
    if !prefix.eq_ignore_ascii_case(PREFIX) {
        return None;
    }
    let parts: Vec<&str> = variable[PREFIX.len()..].split(SEPARATOR).collect();
    let mut path = KeyPath::default();
    let mut at = 0;
    while let Some(part) = parts.get(at) {
        let free = free_keys(&path);
        // The name of a variable may hold the separator itself.
        let key = match free {
            Some(Free::Variable) => parts[at..].join(SEPARATOR),
            Some(Free::Id) | None => (*part).to_owned(),
        };
        path = match free {
            Some(_) => path.key(&as_spelled(&path, &key, below)),
            None => path.key(&key.to_ascii_lowercase()),
        };
        if free == Some(Free::Variable) {
            break;
        }
        at += 1;
    }
    Some(path)
}

/// A key that the person chooses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Free {
    Id,
    Variable,
}

/// What the keys of this table are, if the person chooses them.
fn free_keys(table: &KeyPath) -> Option<Free> {
    match table.names().as_slice() {
        ["workers"] => Some(Free::Id),
        ["env", "set"] | ["workers", _, "env"] => Some(Free::Variable),
        _ => None,
    }
}

/// The key in the spelling of a lower layer, if one has it.
fn as_spelled(table: &KeyPath, key: &str, below: &[&Value]) -> String {
    below
        .iter()
        .filter_map(|tree| table.find(tree)?.as_dict())
        .flat_map(Dict::keys)
        .find(|known| known.eq_ignore_ascii_case(key))
        .map_or_else(|| key.to_owned(), Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::parse_value;

    fn set(name: &str, text: &str) -> (String, Value) {
        let below =
            parse_value(r#"{ workers = { goalWatcher = {} }, env = { set = { API_Key = "" } } }"#);
        let below = below.expect("good TOML");
        let environment = BTreeMap::from([(name.to_owned(), text.to_owned())]);
        let layer = layer(&environment, &[&below]);
        let Origin::Variables(variables) = &layer.origin else {
            panic!("variables make a layer of variables");
        };
        let path = variables.keys().next().expect("the variable sets a key");
        let value = path.find(&layer.tree).expect("the key is set");
        (path.to_string(), value.clone())
    }

    #[test]
    fn names_become_keys_whatever_their_case() {
        for (name, key) in [
            ("ARCANOS__SERVER__LISTEN", "server.listen"),
            ("arcanos__server__Listen", "server.listen"),
            ("ARCANOS__WORKERS__GOALWATCHER__ENABLED", "workers.goalWatcher.enabled"),
            ("ARCANOS__WORKERS__Other__ENABLED", "workers.Other.enabled"),
            ("ARCANOS__ENV__SET__API_KEY", "env.set.API_Key"),
            ("ARCANOS__ENV__SET__A__B", "env.set.A__B"),
            ("ARCANOS__WORKERS__x__ENV__A__B", "workers.x.env.A__B"),
        ] {
            assert_eq!(set(name, "x").0, key, "{name}");
        }
    }

    #[test]
    fn text_is_read_as_what_the_key_takes() {
        for (name, text, value) in [
            ("ARCANOS__RESTART__DELAY", "5s", Value::from("5s")),
            ("ARCANOS__RESTART__DELAY", "5", Value::from(5_i64)),
            ("ARCANOS__RESTART__JITTER", "0.5", Value::from(0.5)),
            ("ARCANOS__MODEL__PREFLIGHT", "false", Value::from(false)),
            ("ARCANOS__SERVER__TOKEN", "1234567890", Value::from("1234567890")),
            ("ARCANOS__SERVER__TOKEN", "\"quoted\"", Value::from("quoted")),
            ("ARCANOS__ENV__SET__X", "true", Value::from("true")),
            ("ARCANOS__ENV__FILES", "['a', 'b']", Value::from(vec!["a", "b"])),
        ] {
            assert_eq!(set(name, text).1, value, "{name}={text}");
        }
    }
}
