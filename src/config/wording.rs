//! The wording of errors: what was found, what was expected, which key was probably meant.

use figment::{
    error::Kind,
    value::{Num, Value},
};

/// The most characters of a value that an error repeats.
const MAX_SHOWN: usize = 60;
/// The most known keys that an error lists.
const MAX_LISTED: usize = 16;

/// What is wrong with a value, given how it was written; `None` for a secret one.
pub(super) fn message(kind: &Kind, found: Option<&Value>, written: Option<&Value>) -> String {
    match kind {
        Kind::UnknownField(key, known) => unknown_key(key, known),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            let filled_in = match (found, written) {
                (Some(found), Some(written)) if found != written => " (filled in)",
                _ => "",
            };
            let expected = expected_form(expected);
            match written {
                Some(written) => format!("found {}{filled_in}, expected {expected}", form(written)),
                None => {
                    format!("expected {expected} (what is there may be secret and is not shown)")
                }
            }
        }
        other if written.is_some() => other.to_string(),
        _ => "not what is expected here (it may be secret and is not shown)".to_owned(),
    }
}

/// A value as an error may repeat it: in backticks, in one line, not too long.
pub(super) fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    let shown: String = short
        .chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = if escaped.is_some() { None } else { Some(c) };
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    format!("`{shown}`")
}

/// An unknown key, with the known one that was probably meant, or all there are.
pub(super) fn unknown_key(key: &str, known: &[&str]) -> String {
    if let Some(nearest) = nearest(key, known) {
        return format!("unknown key, did you mean `{nearest}`?");
    }
    let listed: Vec<String> = known.iter().take(MAX_LISTED).map(|k| format!("`{k}`")).collect();
    match known.len() {
        0 => "unknown key".to_owned(),
        _ => format!("unknown key, expected one of {}", listed.join(", ")),
    }
}

/// The known word that a mistyped one was probably meant to be.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '-'], "");
    let word = plain(word);
    known
        .iter()
        .map(|k| (strsim::damerau_levenshtein(&word, &plain(k)), *k))
        .filter(|(distance, k)| *distance <= 1.max(k.len().max(word.len()) / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

fn form(value: &Value) -> String {
    match value {
        Value::String(_, text) if text.is_empty() => "empty text".to_owned(),
        Value::String(_, text) => quoted(text),
        Value::Char(_, c) => quoted(&c.to_string()),
        Value::Bool(_, truth) => format!("`{truth}`"),
        Value::Num(_, Num::F32(_) | Num::F64(_)) => {
            let number = value.to_num_lossy().and_then(|n| n.to_f64());
            format!("the number `{}`", number.unwrap_or(f64::NAN))
        }
        Value::Num(_, number) => match number.to_i128() {
            Some(number) => format!("the number `{number}`"),
            None => "a number".to_owned(),
        },
        Value::Empty(..) => "nothing".to_owned(),
        Value::Dict(..) => "a table".to_owned(),
        Value::Array(..) => "a list".to_owned(),
    }
}

/// What serde expects, in the words of the config.
fn expected_form(expected: &str) -> &str {
    match expected {
        "a string" => "text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list, like [\"a\", \"b\"]",
        "a map" => "a table",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_forgives_slips_and_other_spellings() {
        let known = ["max_attempts", "max_delay", "delay", "policy"];
        for (word, meant) in [
            ("max_atempts", Some("max_attempts")),
            ("maxAttempts", Some("max_attempts")),
            ("max-delay", Some("max_delay")),
            ("polciy", Some("policy")),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, &known), meant, "{word}");
        }
    }

    #[test]
    fn values_are_repeated_in_one_short_line() {
        assert_eq!(quoted("a\nb\u{1b}"), "`a\\nb\\u{1b}`");
        assert_eq!(quoted(&"x".repeat(61)).chars().count(), MAX_SHOWN + 3);
    }
}
