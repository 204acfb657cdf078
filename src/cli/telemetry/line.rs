//! Formats a tracing event as one line of text.

use std::fmt::{self, Write as _};

use tracing::{
    Level,
    field::{Field, Visit},
};

use crate::{cli::terminal::Tone, text::escape};

/// The values of an event or a span: the message apart, the others as ` key=value`.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) message: String,
    pub(super) rest: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            // A value with spaces is quoted, so that it does not run into the next key.
            name if value.is_empty() || value.contains([' ', '"', '=']) => {
                let _ = write!(self.rest, " {name}={value:?}");
            }
            name => {
                let _ = write!(self.rest, " {name}={value}");
            }
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => {
                let _ = write!(self.message, "{value:?}");
            }
            name => {
                let _ = write!(self.rest, " {name}={value:?}");
            }
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let _ = write!(self.rest, " {}=\"{value}", field.name());
        let mut source = value.source();
        while let Some(cause) = source {
            let _ = write!(self.rest, ": {cause}");
            source = cause.source();
        }
        self.rest.push('"');
    }
}

/// Adds the text with all that could steer a terminal made visible.
pub(super) fn escape_into(line: &mut String, text: &str) {
    line.push_str(&escape(text.as_bytes()));
}

pub(super) fn tone_of(level: Level) -> Tone {
    match level {
        Level::ERROR => Tone::Bad,
        Level::WARN => Tone::Busy,
        Level::INFO => Tone::Good,
        _ => Tone::Faint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_be_forged_by_what_it_reports() {
        let mut line = String::new();
        escape_into(&mut line, "✅ a\nb\u{1b}[2J\u{202e}");
        assert!(
            line.starts_with("✅ a\\n") && !line.contains(['\n', '\u{1b}', '\u{202e}']),
            "{line}"
        );
    }
}
