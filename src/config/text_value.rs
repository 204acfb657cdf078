//! Values that arrive as plain text: from a variable or from `--set`.

use figment::value::{Dict, Value};
use serde::Deserialize;

use super::{document::parse_value, key::KeyPath, raw::RawConfig};

/// What a text means as the value of this key: a TOML value if that fits the key, else the text
/// itself.
///
/// So nobody needs quotes within quotes: `5s` and `127.0.0.1:3000` are text, and so is
/// `1234567890` where the key takes text only.
pub(super) fn text_value(path: &KeyPath, text: &str) -> Value {
    let plain = Value::from(text);
    let Some(parsed) = parse_value(text) else {
        return plain;
    };
    if !fits(path, &parsed) && fits(path, &plain) {
        return plain;
    }
    parsed
}

fn fits(path: &KeyPath, value: &Value) -> bool {
    let mut tree = Value::from(Dict::new());
    path.put(&mut tree, value.clone());
    RawConfig::deserialize(&tree).is_ok()
}
