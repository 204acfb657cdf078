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
    if text.trim_start().starts_with('[') {
        return None;
    }
    // Without a key it may go on with a value of some lines above.
    let Some((key, _)) = text.split_once('=') else {
        return Some(range);
    };
    let key = key.trim().trim_matches(['"', '\'']);
    let full = table_above(document, line)
        .map_or_else(|| KeyPath::of(key), |t| KeyPath::of(&format!("{t}.{key}")));
    let has_inner = text.matches('=').count() > 1;
    let is_secret = hidden.hides(&full) || key.split('.').any(|part| hidden.is_secret(part));
    (is_secret || has_inner).then(|| range.start + text.find('=').unwrap_or(0) + 1..range.end)
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
