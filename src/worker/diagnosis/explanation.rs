//! The explanation that a run gave of its end, taken from its last lines.

/// Characters of an error's own text that are repeated.
pub(super) const SHOWN: usize = 240;

/// The explanation that a run gave of its end.
#[derive(Debug)]
pub(super) struct Explanation {
    /// The error's own line.
    pub(super) own: String,
    /// The lines of the error, its causes and its properties.
    pub(super) region: Vec<String>,
    /// Where a file could not be parsed.
    pub(super) syntax: Option<String>,
    /// The frames above the error, as Python prints them.
    pub(super) traceback: Vec<String>,
}

impl Explanation {
    /// Words without frames around them.
    pub(super) fn plain(own: String) -> Self {
        let own = cut(&own);
        Self { region: vec![own.clone()], own, syntax: None, traceback: Vec::new() }
    }
}

/// The beginning of a text.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}
