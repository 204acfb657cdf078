//! JSON helpers: reads responses of the status server, and prints JSON.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::ClientError;

/// Reads an answer into the type that the command line knows of it.
///
/// # Errors
/// [`ClientError::Odd`]: the answer has another shape.
pub(crate) fn understand<T: DeserializeOwned>(answer: Value) -> Result<T, ClientError> {
    serde_json::from_value(answer).map_err(|e| ClientError::Odd(e.to_string()))
}

/// JSON for people and scripts, indented, with every control character escaped.
pub(crate) fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).expect("a value has string keys only");
    json_safe(&text)
}

/// The JSON text with the control characters that JSON leaves alone (DEL, C1, separators and
/// those that turn the direction) as `\uXXXX`, which means the same.
pub(crate) fn json_safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                safe.extend(["\\u".to_owned(), format!("{:04x}", u32::from(c))]);
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_output_carries_no_control_characters_and_means_the_same() {
        let value = serde_json::json!({ "a": "x\u{9b}2J\u{7f}\u{202e}\u{1b}\ny" });
        let text = pretty(&value);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("still JSON"), value);
    }
}
