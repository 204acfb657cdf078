//! The layers of `--set KEY=VALUE`, one for each option.

use figment::value::{Dict, Value};
use toml::de::{DeTable, DeValue};

use super::{
    error::{ConfigError, Place},
    inputs::Override,
    key::KeyPath,
    layers::{Layer, Origin, Source},
    text_value::text_value,
};

/// The layers of these options, in their order: of two that set the same key, the later wins.
/// An option whose key cannot be read makes no layer and an error.
pub(super) fn layers<'a>(overrides: &'a [Override]) -> (Vec<Layer<'a>>, Vec<ConfigError>) {
    let mut layers = Vec::with_capacity(overrides.len());
    let mut errors = Vec::new();
    for Override { key, value } in overrides {
        let Some(path) = key_path(key) else {
            let place = Place::CommandLine(format!("--set {}", key.escape_debug()));
            let text = "this is not a key, expected a dotted path, like `server.listen`";
            errors.push(ConfigError::new(place, String::new(), text.to_owned()));
            continue;
        };
        let mut tree = Value::from(Dict::new());
        path.put(&mut tree, text_value(&path, value));
        layers.push(Layer { source: Source::CommandLine, origin: Origin::CommandLine(key), tree });
    }
    (layers, errors)
}

/// A dotted path as TOML reads it: `workers."a.b".enabled`. `None` if it is not one.
fn key_path(key: &str) -> Option<KeyPath> {
    // A line break would end the key, and what follows would be read as more of a file.
    if key.contains(['\n', '\r']) {
        return None;
    }
    let text = format!("{key} = 0");
    let parsed = DeTable::parse(&text).ok()?;
    let mut path = KeyPath::default();
    let mut table = parsed.get_ref();
    loop {
        let (key, value) = table.iter().next()?;
        path = path.key(key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Some(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_dotted_paths_as_toml_reads_them() {
        for (key, path) in [
            ("server.listen", Some("server.listen")),
            (" server . listen ", Some("server.listen")),
            ("workers.\"a.b\".enabled", Some("workers.\"a.b\".enabled")),
            ("", None),
            (".", None),
            ("server..listen", None),
            ("discovery.rules[0].name", None),
            ("[server]\nlisten", None),
            ("server listen", None),
        ] {
            assert_eq!(key_path(key).map(|path| path.to_string()).as_deref(), path, "{key:?}");
        }
    }
}
