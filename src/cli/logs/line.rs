//! Formats one line of a log for printing.
//!
//! The server's lines are `[TIME] [ID] text`, already redacted and escaped. They are escaped once
//! more: a terminal is not to be trusted to another program's care.

use serde_json::json;

use crate::{
    cli::{
        args::{Globals, Logs},
        json::json_safe,
        terminal::{Colours, Tone},
    },
    discovery::fingerprint,
    text::escape,
};

/// How lines are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines of one worker.
    One,
    /// Lines of all: each worker has a colour.
    All,
    /// One JSON object a line.
    Json,
}

impl Form {
    pub(super) fn of(globals: &Globals, args: &Logs) -> Self {
        match (globals.json, args.all) {
            (true, _) => Self::Json,
            (false, true) => Self::All,
            (false, false) => Self::One,
        }
    }
}

/// A line in its three parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) at: &'a str,
    pub(super) label: &'a str,
    pub(super) text: &'a str,
}

/// Takes `[TIME] [ID] text` apart; `None` if it is something else.
pub(super) fn parts(line: &str) -> Option<Parts<'_>> {
    let (at, rest) = line.strip_prefix('[')?.split_once("] [")?;
    let (label, text) =
        rest.split_once("] ").or_else(|| rest.strip_suffix(']').map(|l| (l, "")))?;
    Some(Parts { at, label, text })
}

/// The line as it is printed, without its end.
pub(super) fn render(line: &str, form: Form, colours: Colours) -> String {
    let Some(Parts { at, label, text }) = parts(line) else {
        return match form {
            Form::Json => json_safe(&json!({ "text": line }).to_string()),
            Form::One | Form::All => escape(line.as_bytes()).into_owned(),
        };
    };
    if form == Form::Json {
        let line = json!({ "at": at, "worker": label, "text": text });
        return json_safe(&line.to_string());
    }
    let tone = match form {
        Form::All => mark(label),
        Form::One | Form::Json => Tone::Faint,
    };
    let stamp = format!("[{}]", escape(at.as_bytes()));
    let name = format!("[{}]", escape(label.as_bytes()));
    let text = escape(text.as_bytes());
    format!("{} {} {text}", colours.paint(Tone::Faint, &stamp), colours.paint(tone, &name))
}

/// A worker's colour: the same each time.
fn mark(label: &str) -> Tone {
    Tone::Mark((fingerprint(label.as_bytes()).0 % 6) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "[2026-11-23T17:00:00.000Z] [a] [x] y]";

    #[test]
    fn a_line_has_a_time_a_name_and_a_text() {
        let expect = Parts { at: "2026-11-23T17:00:00.000Z", label: "a", text: "[x] y]" };
        assert_eq!(parts(LINE), Some(expect));
        assert_eq!(parts("[t] [a] ").map(|p| p.text), Some(""));
        assert_eq!(parts("[t] [a]").map(|p| p.text), Some(""));
        assert_eq!(parts("anything else"), None);
    }

    #[test]
    fn lines_stay_as_they_are_in_a_pipe_and_have_colours_on_a_terminal() {
        for form in [Form::One, Form::All] {
            assert_eq!(render(LINE, form, Colours::Hidden), LINE);
        }
        let painted = render(LINE, Form::All, Colours::Shown);
        assert!(painted.contains("m[a]\u{1b}[0m [x] y]"), "{painted:?}");
        let object = render(LINE, Form::Json, Colours::Shown);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&object).expect("JSON"),
            json!({ "at": "2026-11-23T17:00:00.000Z", "worker": "a", "text": "[x] y]" })
        );
    }

    #[test]
    fn nothing_in_a_line_steers_a_terminal() {
        let evil = "[t\u{1b}[2J] [a\u{7}] \u{9b}2J\u{1b}]0;x\u{7}\r\u{202e}";
        for line in [evil, &evil[1..]] {
            for form in [Form::One, Form::All, Form::Json] {
                let text = render(line, form, Colours::Hidden);
                assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
            }
        }
    }
}
