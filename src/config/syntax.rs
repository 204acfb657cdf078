//! Errors of text that is not TOML, without what may be secret in the lines around them.

use std::ops::Range;

use super::{
    defaults::DEFAULT_TREE,
    document::Document,
    error::{ConfigError, ConfigErrors, Place},
    hidden::Hidden,
    key::KeyPath,
};

/// The errors in the order of the file, knowing what must not be shown beside them.
///
/// How the text was meant is not known here. So a line is only shown as far as it surely holds
/// no secret: by its own key and by the table it seems to stand in.
pub(super) fn errors(document: &Document, mut errors: Vec<ConfigError>) -> ConfigErrors {
    let hidden = Hidden::of([&*DEFAULT_TREE, &document.tree].into_iter());
    for error in &mut errors {
        if let Place::File { line, .. } = error.place {
            error.hidden = secret_part(document, line, &hidden).into_iter().collect();
        }
    }
    errors.sort_by(|a, b| a.place.cmp(&b.place));
    ConfigErrors(errors)
}

/// What of this line may be secret.
fn secret_part(document: &Document, line: usize, hidden: &Hidden) -> Option<Range<usize>> {
    let range = document.line(line);
    let text = document.text().get(range.clone())?;
    if is_header(text) {
        return None;
    }
    // Without a key it may go on with a value of some lines above.
    let Some((key, value)) = text.split_once('=').filter(|(key, _)| is_key(key)) else {
        return Some(range);
    };
    let key = key.trim().trim_matches(['"', '\'']);
    let full = table_above(document, line)
        .map_or_else(|| KeyPath::of(key), |t| KeyPath::of(&format!("{t}.{key}")));
    let has_inner = text.matches('=').count() > 1;
    let value = value.trim().trim_matches(['"', '\'']);
    let is_secret =
        hidden.hides_text(&full, value) || key.split('.').any(|part| hidden.is_secret(part));
    (is_secret || has_inner).then(|| range.start + text.find('=').unwrap_or(0) + 1..range.end)
}

/// Whether a line is the header of a table, and not an element of a list that begins above it.
fn is_header(text: &str) -> bool {
    let text = text.trim();
    let is_of_name = |c: char| c.is_alphanumeric() || " ._-[]\"'".contains(c);
    let name = text.trim_start_matches(['[', ' ']);
    text.starts_with('[') && name.starts_with(char::is_alphanumeric) && text.chars().all(is_of_name)
}

/// Whether what stands before a `=` can be a key, and is not part of a text or a list.
fn is_key(text: &str) -> bool {
    let is_even = |quote: char| text.matches(quote).count().is_multiple_of(2);
    let is_of_key = |c: char| c.is_alphanumeric() || " \t._-\"'".contains(c);
    is_even('"') && is_even('\'') && text.chars().all(is_of_key)
}

/// The header of the table that the line seems to stand in.
fn table_above(document: &Document, line: usize) -> Option<String> {
    (1..line).rev().find_map(|number| {
        let text = document.text().get(document.line(number))?.trim();
        let inner = text.strip_prefix('[')?.trim_start_matches('[');
        let name = inner.split(']').next().unwrap_or(inner);
        Some(name.chars().filter(|c| !matches!(c, '"' | '\'' | ' ')).collect())
    })
}
