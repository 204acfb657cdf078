//! [`Report`]: the errors and warnings that are found while a config is checked.

use std::{collections::HashSet, ops::Range};

use figment::value::Value;

use super::{
    document::{Document, Part},
    error::{ConfigError, ConfigErrors, Place},
    hidden::Hidden,
    key::KeyPath,
    layers::{Layer, Layers},
    wording,
};

/// The most errors reported at once; the rest are counted. Nobody mends more before looking again,
/// and a hostile file cannot make us compare each with all.
const MAX_ERRORS: usize = 100;

/// Collects errors and warnings.
#[derive(Debug)]
pub(super) struct Report {
    /// What people should know though nothing is wrong.
    pub(super) warnings: Vec<String>,
    hidden: Hidden,
    errors: Vec<ConfigError>,
    n_unlisted: usize,
    mentioned: HashSet<KeyPath>,
    unknown: HashSet<KeyPath>,
}

impl Report {
    /// An empty report that never repeats what is hidden.
    pub(super) fn new(hidden: Hidden) -> Self {
        Self {
            warnings: Vec::new(),
            hidden,
            errors: Vec::new(),
            n_unlisted: 0,
            mentioned: HashSet::new(),
            unknown: HashSet::new(),
        }
    }

    /// What must not be shown.
    pub(super) fn hidden(&self) -> &Hidden {
        &self.hidden
    }

    /// An error that is about no key of a layer.
    pub(super) fn push(&mut self, error: ConfigError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        } else {
            self.n_unlisted += 1;
        }
    }

    /// An error in one layer. `key` is from the root of the config, without a profile.
    pub(super) fn in_layer(&mut self, layer: &Layer<'_>, key: &KeyPath, part: Part, text: String) {
        let full = layer.full_key(key);
        let error = ConfigError::new(layer.place(key, part), full.to_string(), text);
        self.excuse(key.clone());
        if part == Part::Key && self.errors.len() < MAX_ERRORS {
            self.unknown.insert(full);
        }
        self.push(error);
    }

    /// An error about what the layers come to. A key that already has one gets no second.
    pub(super) fn about(&mut self, layers: &Layers<'_>, key: &KeyPath, text: String) {
        if self.has(key) {
            return;
        }
        match layers.deciding(key) {
            Some(layer) => self.in_layer(layer, key, Part::Value, text),
            None => {
                let file = layers.0.first().map(|l| l.place(key, Part::Value));
                let place = file.unwrap_or_else(|| Place::Whole(String::new()));
                self.excuse(key.clone());
                self.push(ConfigError::new(place, key.to_string(), text));
            }
        }
    }

    /// Takes no more errors about this key: what is wrong is already reported under another key.
    pub(super) fn excuse(&mut self, key: KeyPath) {
        if self.mentioned.len() < 2 * MAX_ERRORS {
            self.mentioned.insert(key);
        }
    }

    /// Whether something is wrong with this key, or with a part of its value.
    pub(super) fn has(&self, key: &KeyPath) -> bool {
        self.mentioned.iter().any(|mentioned| mentioned.starts_with(key))
    }

    /// The value of this key as it is written, in backticks, unless it may hold a secret.
    pub(super) fn shown(&self, written: &Value, key: &KeyPath) -> String {
        match key.find(written) {
            Some(Value::String(_, text)) if !self.hidden.hides_text(key, text) => {
                wording::quoted(text)
            }
            _ => "the value".to_owned(),
        }
    }

    /// Whether something is wrong.
    pub(super) fn is_good(&self) -> bool {
        self.errors.is_empty()
    }

    /// All errors in the order of the file, then of the other places.
    pub(super) fn into_errors(mut self, document: &Document) -> ConfigErrors {
        let mut secret = document.spans_of(|path| self.hidden.hides(path));
        secret.extend(document.texts(|path, text| self.hidden.hides_text(path, text)));
        // What a key that nobody knows holds may be the secret of the one that was meant.
        secret.extend(self.unknown.iter().filter_map(|path| document.inline_value(path)));
        for error in &mut self.errors {
            if let Place::File { line, .. } = error.place {
                let line = document.line(line);
                error.hidden = within(&secret, &line);
                error.hidden.extend(document.comment(line));
            }
        }
        self.errors.sort_by(|a, b| a.place.cmp(&b.place));
        self.errors.dedup();
        if self.n_unlisted > 0 {
            let place = document.place(&KeyPath::default(), Part::Key);
            let text = format!("{} more errors, to be told once these are mended", self.n_unlisted);
            self.errors.push(ConfigError::new(place, String::new(), text));
        }
        ConfigErrors(self.errors)
    }
}

/// What of these spans lies in this line.
fn within(spans: &[Range<usize>], line: &Range<usize>) -> Vec<Range<usize>> {
    spans
        .iter()
        .filter(|span| span.start < line.end && line.start < span.end)
        .map(|span| span.start.max(line.start)..span.end.min(line.end))
        .collect()
}
