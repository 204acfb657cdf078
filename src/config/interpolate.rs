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
    /// What stands in the braces is no name.
    #[error("a `${{…}}` that holds no name; write `$${{` for a plain `${{`")]
    Name,
}

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
    let mut unfilled = Vec::new();
    walk(tree, &KeyPath::default(), variables, &mut unfilled);
    for Unfilled { path, .. } in &unfilled {
        // An element goes with its list, so that no other one changes its index.
        let whole =
            if path.is_element() { path.parent().unwrap_or_default() } else { path.clone() };
        whole.take(tree);
    }
    unfilled
}

fn walk(
    at: &mut Value,
    path: &KeyPath,
    variables: &BTreeMap<String, String>,
    unfilled: &mut Vec<Unfilled>,
) {
    match at {
        Value::Dict(_, table) => {
            for (key, value) in table {
                walk(value, &path.key(key), variables, unfilled);
            }
        }
        Value::Array(_, list) => {
            for (index, element) in list.iter_mut().enumerate() {
                walk(element, &path.index(index), variables, unfilled);
            }
        }
        Value::String(_, text) => match filled(text, variables) {
            Ok(Cow::Borrowed(_)) => {}
            Ok(Cow::Owned(filled)) => *text = filled,
            Err(fault) => unfilled.push(Unfilled { path: path.clone(), fault }),
        },
        Value::Char(..) | Value::Bool(..) | Value::Num(..) | Value::Empty(..) => {}
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
        filled.push_str(value_of(reference, variables)?);
        rest = after;
    }
    filled.push_str(rest);
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

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
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
        ] {
            let seen = filled(text, &variables);
            assert_eq!(seen.as_deref(), expected.as_deref(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_filled_in_is_taken_out_and_told() {
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
