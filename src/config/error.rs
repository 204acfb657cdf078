//! Errors of a config, each with its place in the file.

use std::{fmt, ops::Range, path::Path};

use crate::domain::os_text;

/// Everything that is wrong with a config; never empty.
///
/// `Display` has one line for each. Values of secret keys are never part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

/// One thing that is wrong with a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// The key, as `discovery.rules[0].command`; empty if it is about no key.
    pub key: String,
    /// What is wrong and what was expected: a fragment, one line.
    pub message: String,
    /// Bytes of the text that must not be shown beside the error.
    pub(super) hidden: Vec<Range<usize>>,
}

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the config file.
    File {
        /// The file's name, without its folder.
        name: String,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
    },
    /// In the config file as a whole; holds its name.
    Whole(String),
    /// In this environment variable.
    Environment(String),
    /// In this option or key of the command line.
    CommandLine(String),
}

impl ConfigErrors {
    /// Each error with its line of `text`, the file's content, and a mark under the column.
    #[must_use]
    pub fn pretty(&self, text: &str) -> String {
        let blocks: Vec<String> = self.0.iter().map(|e| e.pretty(text)).collect();
        blocks.join("\n")
    }
}

impl ConfigError {
    pub(super) fn new(place: Place, key: String, message: String) -> Self {
        let message = os_text::shown(&message).into_owned();
        Self { place, key, message, hidden: Vec::new() }
    }

    /// The error, its line of `text` and a mark under the column, ending in a line break.
    ///
    /// What is secret in the line is shown as `…`. An error outside the file is one line.
    #[must_use]
    pub fn pretty(&self, text: &str) -> String {
        let head = format!("{self}\n");
        let Place::File { line, column, .. } = &self.place else {
            return head;
        };
        let Some((start, source)) = line_of(text, *line) else {
            return head;
        };
        let (shown, mark) = self.masked(start, source, *column);
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let indent: String =
            shown.chars().take(mark).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        format!("{head}{margin} |\n{number} | {shown}\n{margin} | {indent}^\n")
    }

    /// The line without what is hidden, and where the mark then stands, in characters from 0.
    fn masked(&self, start: usize, source: &str, column: usize) -> (String, usize) {
        let mut shown = String::with_capacity(source.len());
        let mut mark = None;
        let mut in_hidden = false;
        for (number, (at, c)) in source.char_indices().enumerate() {
            let hidden = self.hidden.iter().any(|r| r.contains(&(start + at)));
            if number + 1 == column {
                let beside = usize::from(hidden && in_hidden);
                mark = Some(shown.chars().count() - beside);
            }
            match (hidden, in_hidden) {
                (true, false) => shown.push('…'),
                (true, true) => {}
                (false, _) if c.is_control() && c != '\t' => shown.push('\u{fffd}'),
                (false, _) => shown.push(c),
            }
            in_hidden = hidden;
        }
        let end = shown.chars().count();
        (shown, mark.unwrap_or(end))
    }
}

/// Where this line starts, in bytes, and what it says without its end.
fn line_of(text: &str, line: usize) -> Option<(usize, &str)> {
    let mut start = 0;
    for (number, whole) in text.split_inclusive('\n').enumerate() {
        if number + 1 == line {
            return Some((start, whole.trim_end_matches(['\n', '\r'])));
        }
        start += whole.len();
    }
    None
}

/// The name by which errors call a file.
pub(super) fn file_name(file: &Path) -> String {
    os_text::shown_path(Path::new(file.file_name().unwrap_or(file.as_os_str())))
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return write!(f, "{}: {}", self.place, self.message);
        }
        write!(f, "{}: {}: {}", self.place, self.key, self.message)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Self::Whole(name) => f.write_str(name),
            Self::Environment(variable) => write!(f, "environment {}", os_text::shown(variable)),
            Self::CommandLine(key) => write!(f, "command line {key}"),
        }
    }
}
