//! The config in force, for people to see: the form of `arcanos.toml`, without secrets.

use figment::value::Value;
use serde_json::json;

use crate::domain::os_text;

use super::{hidden::Hidden, key::KeyPath, model::Config, secret::NamedSecret};

/// What stands in place of a secret.
const REDACTED: &str = "[redacted]";

/// The merged values, filled in. A secret is hidden by its key, and wherever else it stands.
pub(super) fn render(tree: &Value, config: &Config) -> serde_json::Value {
    let rendering = Rendering {
        names: Hidden::matching(config.env.secret.iter().map(String::as_str)),
        secrets: &config.secrets,
    };
    rendering.value(tree, &KeyPath::default())
}

struct Rendering<'a> {
    names: Hidden,
    secrets: &'a [NamedSecret],
}

impl Rendering<'_> {
    fn value(&self, value: &Value, path: &KeyPath) -> serde_json::Value {
        match value {
            Value::Dict(_, table) => table
                .iter()
                .map(|(key, value)| (key.clone(), self.value(value, &path.key(key))))
                .collect(),
            Value::Array(_, list) => list
                .iter()
                .enumerate()
                .map(|(index, value)| self.value(value, &path.index(index)))
                .collect(),
            Value::String(_, text) => self.text(text, path).into(),
            Value::Char(_, c) => c.to_string().into(),
            Value::Bool(_, truth) => (*truth).into(),
            Value::Num(_, number) => match number.to_i128().and_then(|n| i64::try_from(n).ok()) {
                Some(number) => number.into(),
                None => json!(number.to_f64()),
            },
            Value::Empty(..) => serde_json::Value::Null,
        }
    }

    fn text(&self, text: &str, path: &KeyPath) -> String {
        if !text.is_empty() && self.is_secret(path) {
            return REDACTED.to_owned();
        }
        let mut shown = text.to_owned();
        for secret in self.secrets {
            let value = secret.value.expose();
            if shown.contains(value) {
                shown = shown.replace(value, REDACTED);
            }
        }
        os_text::shown(&shown).into_owned()
    }

    fn is_secret(&self, path: &KeyPath) -> bool {
        match path.names().as_slice() {
            ["server", "token"] => true,
            ["env", "set", name] | ["workers", _, "env", name] => self.names.is_secret(name),
            _ => false,
        }
    }
}
