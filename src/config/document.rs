//! TOML text as a tree of values, and where in the text each of them stands.

use std::{collections::HashMap, ops::Range};

use figment::value::{Dict, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    error::{ConfigError, Place},
    key::KeyPath,
};
use crate::domain::os_text;

/// The most mistakes reported of a text that is not TOML: most follow from the first few.
const MAX_FAULTS: usize = 20;

/// What text stands in.
const QUOTES: [char; 2] = ['"', '\''];

/// The most `#` of one line that are looked at to find its comment.
const MAX_MARKS: usize = 16;

/// A config file, parsed.
#[derive(Debug)]
pub(super) struct Document {
    /// The values; always a table.
    pub(super) tree: Value,
    name: String,
    spans: HashMap<KeyPath, Spans>,
    lines: Vec<usize>,
    text: String,
}

/// Where a key and its value stand, in bytes.
#[derive(Clone, Debug)]
struct Spans {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

/// Which half of `key = value` is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl Document {
    /// Parses a text; what cannot be parsed is left out of the tree and reported as errors.
    pub(super) fn parse(name: &str, text: &str) -> (Self, Vec<ConfigError>) {
        let (table, faults) = DeTable::parse_recoverable(text);
        let mut document = Self {
            tree: Value::from(Dict::new()),
            name: name.to_owned(),
            spans: HashMap::new(),
            lines: line_starts(text),
            text: text.to_owned(),
        };
        let mut errors: Vec<ConfigError> = faults
            .iter()
            .take(MAX_FAULTS)
            .map(|fault| {
                let at = fault.span().map_or(0, |span| span.start);
                ConfigError::new(document.place_at(at), String::new(), one_line(fault.message()))
            })
            .collect();
        document.tree = document.table(table.get_ref(), &KeyPath::default(), &mut errors);
        errors.dedup();
        (document, errors)
    }

    /// Where this key or its value is; for a way that is not in the file, where it would begin.
    pub(super) fn place(&self, path: &KeyPath, part: Part) -> Place {
        let mut at = path.clone();
        while !at.is_root() {
            if let Some(spans) = self.spans.get(&at) {
                let key = spans.key.as_ref().unwrap_or(&spans.value);
                // The value of a table with a header begins before the key, at its bracket.
                let is_inline = spans.value.start > key.start;
                let exact = part == Part::Value && at == *path && is_inline;
                let span = if exact { &spans.value } else { key };
                return self.place_at(span.start);
            }
            at = at.parent().unwrap_or_default();
        }
        Place::Whole(self.name.clone())
    }

    /// The bytes of every value whose way fits.
    pub(super) fn spans_of(&self, fits: impl Fn(&KeyPath) -> bool) -> Vec<Range<usize>> {
        let fitting = self.spans.iter().filter(|(path, _)| fits(path));
        fitting.map(|(_, spans)| spans.value.clone()).collect()
    }

    /// The bytes of every text in quotes that fits with its way.
    pub(super) fn texts(&self, fits: impl Fn(&KeyPath, &str) -> bool) -> Vec<Range<usize>> {
        let texts = self.spans.iter().filter(|(path, spans)| {
            let written = self.text.get(spans.value.clone()).unwrap_or_default();
            written.starts_with(QUOTES) && fits(path, written.trim_matches(QUOTES))
        });
        texts.map(|(_, spans)| spans.value.clone()).collect()
    }

    /// The bytes of the comment in this line, which may hold what was set before.
    pub(super) fn comment(&self, line: Range<usize>) -> Option<Range<usize>> {
        let text = self.text.get(line.clone())?;
        let marks = memchr::memchr_iter(b'#', text.as_bytes()).map(|at| line.start + at);
        let in_text = |at: &usize| {
            let mut spans = self.spans.values().map(|spans| &spans.value);
            spans.any(|span| span.contains(at) && self.text[span.clone()].starts_with(QUOTES))
        };
        // Behind so many marks all counts as the comment: nobody reads such a line anyway.
        let start = marks.enumerate().find(|(n, at)| *n == MAX_MARKS || !in_text(at))?.1;
        Some(start..line.end)
    }

    /// The bytes of the value of this way, if it stands behind its key and not under a header.
    pub(super) fn inline_value(&self, path: &KeyPath) -> Option<Range<usize>> {
        let spans = self.spans.get(path)?;
        let key = spans.key.as_ref()?;
        (spans.value.start > key.start).then(|| spans.value.clone())
    }

    /// The bytes of this line, from 1, without its end.
    pub(super) fn line(&self, line: usize) -> Range<usize> {
        let start = self.lines.get(line - 1).copied().unwrap_or(self.text.len());
        let end = self.lines.get(line).copied().unwrap_or(self.text.len());
        start..end
    }

    /// The text that was parsed.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn place_at(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines[line - 1];
        Place::File {
            name: self.name.clone(),
            line,
            column: self.text.get(start..offset).map_or(0, |t| t.chars().count()) + 1,
        }
    }

    fn table(
        &mut self,
        table: &DeTable<'_>,
        path: &KeyPath,
        errors: &mut Vec<ConfigError>,
    ) -> Value {
        let mut dict = Dict::new();
        for (key, value) in table {
            let path = path.key(key.get_ref());
            let converted = self.value(value, &path, errors);
            let spans = Spans { key: Some(key.span()), value: value.span() };
            self.spans.insert(path, spans);
            dict.insert(key.get_ref().to_string(), converted);
        }
        Value::from(dict)
    }

    fn value(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        path: &KeyPath,
        errors: &mut Vec<ConfigError>,
    ) -> Value {
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, path, errors),
            DeValue::Array(list) => {
                let mut converted = Vec::with_capacity(list.len());
                for (index, element) in list.iter().enumerate() {
                    let path = path.index(index);
                    converted.push(self.value(element, &path, errors));
                    let spans = Spans { key: None, value: element.span() };
                    self.spans.insert(path, spans);
                }
                Value::from(converted)
            }
            scalar => plain(scalar).unwrap_or_else(|| {
                errors.push(ConfigError::new(
                    self.place_at(value.span().start),
                    path.to_string(),
                    "the number is out of range".to_owned(),
                ));
                Value::from(0)
            }),
        }
    }
}

/// One TOML value, as `["a", "b"]`; `None` if the text is none.
pub(super) fn parse_value(text: &str) -> Option<Value> {
    let parsed = DeValue::parse(text).ok()?;
    owned(parsed.get_ref())
}

fn owned(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::Table(table) => {
            let mut dict = Dict::new();
            for (key, value) in table {
                dict.insert(key.get_ref().to_string(), owned(value.get_ref())?);
            }
            Some(Value::from(dict))
        }
        DeValue::Array(list) => {
            let elements: Option<Vec<Value>> =
                list.iter().map(|element| owned(element.get_ref())).collect();
            elements.map(Value::from)
        }
        scalar => plain(scalar),
    }
}

/// A value that holds no others; `None` if it is a number that does not fit.
///
/// A date is text: no key takes dates, and text is what a variable of that form would be.
fn plain(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::from(os_text::kept(text.as_bytes()))),
        DeValue::Boolean(truth) => Some(Value::from(*truth)),
        DeValue::Datetime(date) => Some(Value::from(date.to_string())),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().map(Value::from),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    let after_breaks = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
    std::iter::once(0).chain(after_breaks).collect()
}

/// A message of the parser without line breaks, which would look like another error.
fn one_line(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    words.join(" ")
}
