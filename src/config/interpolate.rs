//! Interpolation: `${NAME}` and `${NAME:-default}` in the strings of a config.

use std::{borrow::Cow, collections::BTreeMap};

use figment::value::Value;

use super::key::KeyPath;

/// Why a text cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InterpolationError {
    /// The variable is not set, and there is no default.
    #[error("`${{{0}}}` is not set; set it, or give a default as `${{{0}:-default}}`")]
    Unset(String),
    /// A `${` without `}`.
    #[error("a `${{` without `}}`; write `$${{` for a plain `${{`")]
    Open,
    /// A reference within another one.
    #[error("a `${{…}}` within another one; references are not nested")]
    Nested,
    /// What the references stand for is too much.
    #[error("longer than {} MiB with all that the references stand for", MAX_FILLED >> 20)]
    TooLong,
    /// What stands in the braces is not a name.
    #[error("a `${{…}}` that holds no name; write `$${{` for a plain `${{`")]
    Name,
}

/// The most that all texts with references come to in one config, in bytes. Linux takes 128 KiB in
/// one variable or argument and 6 MiB in all; without a bound, 1 MiB of `${X}` of a long variable
/// would take tens of GiB.
const MAX_FILLED: usize = 4 << 20;

/// A text that could not be filled in.
#[derive(Debug)]
pub(super) struct Unfilled {
    /// Where it stands.
    pub(super) path: KeyPath,
    /// Why.
    pub(super) fault: InterpolationError,
}

/// Fills in every text of a tree; what cannot be is taken out of its table and returned.
pub(super) fn fill_in(tree: &mut Value, variables: &BTreeMap<String, String>) -> Vec<Unfilled> {
    let mut walk = Walk { variables, room: MAX_FILLED, unfilled: Vec::new() };
    walk.at(tree, &KeyPath::default());
    let unfilled = walk.unfilled;
    for Unfilled { path, .. } in &unfilled {
        // An element goes with its list, so that no other one changes its index.
        let whole =
            if path.is_element() { path.parent().unwrap_or_default() } else { path.clone() };
        whole.take(tree);
    }
    unfilled
}

/// Goes through a tree and fills in its texts.
struct Walk<'v> {
    variables: &'v BTreeMap<String, String>,
    /// How much the texts that are still to come may hold, in bytes.
    room: usize,
    unfilled: Vec<Unfilled>,
}

impl Walk<'_> {
    fn at(&mut self, at: &mut Value, path: &KeyPath) {
        match at {
            Value::Dict(_, table) => {
                for (key, value) in table {
                    self.at(value, &path.key(key));
                }
            }
            Value::Array(_, list) => {
                for (index, element) in list.iter_mut().enumerate() {
                    self.at(element, &path.index(index));
                }
            }
            Value::String(_, text) => match filled_within(text, self.variables, self.room) {
                Ok(Cow::Borrowed(_)) => {}
                Ok(Cow::Owned(filled)) => {
                    self.room -= filled.len();
                    *text = filled;
                }
                Err(fault) => self.unfilled.push(Unfilled { path: path.clone(), fault }),
            },
            Value::Char(..) | Value::Bool(..) | Value::Num(..) | Value::Empty(..) => {}
        }
    }
}

/// The text with its references filled in. As in a shell, an empty variable takes the default.
///
/// # Errors
/// The first reference that cannot be filled in.
pub(super) fn filled<'t>(
    text: &'t str,
    variables: &BTreeMap<String, String>,
) -> Result<Cow<'t, str>, InterpolationError> {
    filled_within(text, variables, MAX_FILLED)
}

/// As [`filled`], if it comes to no more than `room` bytes.
fn filled_within<'t>(
    text: &'t str,
    variables: &BTreeMap<String, String>,
    room: usize,
) -> Result<Cow<'t, str>, InterpolationError> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, inner) = (&rest[..at], &rest[at + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            filled.push_str(before);
            filled.push_str("${");
            rest = inner;
            continue;
        }
        filled.push_str(before);
        let (reference, after) = inner.split_once('}').ok_or(InterpolationError::Open)?;
        if reference.contains("${") {
            return Err(InterpolationError::Nested);
        }
        filled.push_str(value_of(reference, variables)?);
        if filled.len() > room {
            return Err(InterpolationError::TooLong);
        }
        rest = after;
    }
    filled.push_str(rest);
    if filled.len() > room {
        return Err(InterpolationError::TooLong);
    }
    Ok(Cow::Owned(filled))
}

fn value_of<'t>(
    reference: &'t str,
    variables: &'t BTreeMap<String, String>,
) -> Result<&'t str, InterpolationError> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    if !is_name(name) {
        return Err(InterpolationError::Name);
    }
    let value = variables.get(name).map(String::as_str);
    match (value, default) {
        (Some(""), Some(default)) | (None, Some(default)) => Ok(default),
        (Some(value), _) => Ok(value),
        (None, None) => Err(InterpolationError::Unset(name.to_owned())),
    }
}

/// Whether it is a name that a dotenv file may give: also one that no shell would take.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_filled_in() {
        let variables = BTreeMap::from([
            ("WHO".to_owned(), "world".to_owned()),
            ("EMPTY".to_owned(), String::new()),
        ]);
        for (text, expected) in [
            ("plain $WHO", Ok("plain $WHO")),
            ("hi ${WHO}!", Ok("hi world!")),
            ("${ABSENT:-fall} ${WHO:-x}", Ok("fall world")),
            ("${ABSENT:-}", Ok("")),
            ("${EMPTY}", Ok("")),
            ("${EMPTY:-x}", Ok("x")),
            ("$${WHO} $$${WHO}", Ok("${WHO} $${WHO}")),
            ("${ABSENT}", Err(InterpolationError::Unset("ABSENT".into()))),
            ("${WHO", Err(InterpolationError::Open)),
            ("${}", Err(InterpolationError::Name)),
            ("${A B}", Err(InterpolationError::Name)),
            ("${MY-VAR:-x}${1A.b:-y}", Ok("xy")),
            ("${ABSENT:-${WHO}}", Err(InterpolationError::Nested)),
        ] {
            let seen = filled(text, &variables);
            assert_eq!(seen.as_deref(), expected.as_deref(), "{text}");
        }
    }

    #[test]
    fn what_the_references_of_a_config_come_to_is_bounded() {
        let variables = BTreeMap::from([("X".to_owned(), "x".repeat(1 << 16))]);
        let bomb = "${X}".repeat(200);
        assert_eq!(filled(&bomb, &variables), Err(InterpolationError::TooLong));
        // So is the sum over all texts.
        let mut tree = Value::from(vec!["${X}".to_owned(); 200]);
        let unfilled = fill_in(&mut tree, &variables);
        assert_eq!(unfilled.len(), 200 - (MAX_FILLED >> 16));
        assert!(unfilled.iter().all(|u| u.fault == InterpolationError::TooLong));
    }

    #[test]
    fn what_cannot_be_filled_in_is_taken_out_and_reported() {
        let mut tree = super::super::document::parse_value(
            r#"{ a = "${NO}", l = ["x", "${NO}", "${NO2}"], b = "ok" }"#,
        )
        .expect("good TOML");
        let unfilled = fill_in(&mut tree, &BTreeMap::new());
        let paths: Vec<String> = unfilled.iter().map(|u| u.path.to_string()).collect();
        assert_eq!(paths, ["a", "l[1]", "l[2]"]);
        let left: Vec<&String> = tree.as_dict().expect("a table").keys().collect();
        assert_eq!(left, ["b"]);
    }
}
