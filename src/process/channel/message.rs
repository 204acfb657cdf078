//! The messages that a worker can send on its channel.

use serde_json::{Map, Value};

/// The longest name of a log level that is kept, in bytes.
const MAX_LEVEL: usize = 16;

/// Something a worker said.
///
/// Texts are as the worker wrote them: whoever shows them cuts, redacts and escapes.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// `"ready"` or `{"type":"ready"}`.
    Ready,
    /// `{"type":"log","level","message"}`.
    Log {
        /// `info` where it named none.
        level: String,
        /// The text; compact JSON if it was something else.
        message: String,
    },
    /// Anything that has no other meaning.
    Activity {
        /// A text as it is, anything else as one line of JSON.
        message: String,
    },
    /// `{"type":"result","value"}`.
    Result {
        /// The value as one line of JSON.
        value: String,
    },
    /// `{"type":"exit_reason","reason","retry_after"}`.
    ExitReason {
        /// Why it is about to exit.
        reason: String,
        /// Seconds that the next attempt should wait at least; finite and not negative.
        retry_after: Option<f64>,
    },
    /// The runner is about to call the file's default export: the run is a task.
    TaskBegan,
    /// So many frames were no JSON, too large, or too deep, and were passed over.
    Skipped(u64),
}

/// A frame, understood.
pub(super) enum Frame {
    /// A message of the worker.
    Message(Incoming),
    /// Node passes a handle on, and sends nothing more until that is acknowledged. The message that
    /// came with it, if any.
    Handle(Option<Incoming>),
    /// Node speaking to Node.
    Internal,
}

impl Frame {
    /// Parses one line; `None` if it is not JSON.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?.trim_ascii();
        let mut value: Value = serde_json::from_str(text).ok()?;
        let command = value.get("cmd").and_then(Value::as_str).unwrap_or("");
        if command == "NODE_HANDLE" {
            let message = value.get_mut("msg").map(Value::take);
            let message = message.filter(|m| !m.is_null());
            return Some(Self::Handle(message.map(|m| understand(&m.to_string(), &m))));
        }
        if command == "NODE_ARCANOS_TASK" {
            return Some(Self::Message(Incoming::TaskBegan));
        }
        // As Node decides it: a prefix, and something after it.
        if command.starts_with("NODE_") && command.len() > "NODE_".len() {
            return Some(Self::Internal);
        }
        Some(Self::Message(understand(text, &value)))
    }
}

fn understand(text: &str, value: &Value) -> Incoming {
    let object = match value {
        Value::String(word) if word == "ready" => return Incoming::Ready,
        Value::Object(object) => object,
        other => {
            return Incoming::Activity { message: words(other, text) };
        }
    };
    match object.get("type").and_then(Value::as_str) {
        Some("ready") => Incoming::Ready,
        Some("log") => Incoming::Log {
            level: level(object),
            message: object.get("message").map_or_else(String::new, plain),
        },
        Some("result") => Incoming::Result { value: result(object, text) },
        Some("exit_reason") => Incoming::ExitReason {
            reason: object.get("reason").map_or_else(String::new, plain),
            retry_after: retry_after(object),
        },
        Some("activity") if object.len() == 2 => match object.get("message") {
            Some(Value::String(message)) => Incoming::Activity { message: message.clone() },
            _ => Incoming::Activity { message: text.to_owned() },
        },
        _ => Incoming::Activity { message: text.to_owned() },
    }
}

/// A value as a person reads it: a text without quotes.
fn plain(value: &Value) -> String {
    words(value, &value.to_string())
}

fn words(value: &Value, json: &str) -> String {
    value.as_str().unwrap_or(json).to_owned()
}

fn level(object: &Map<String, Value>) -> String {
    let named = object.get("level").and_then(Value::as_str);
    let named =
        named.filter(|l| l.len() <= MAX_LEVEL && l.bytes().all(|b| b.is_ascii_alphabetic()));
    named.filter(|l| !l.is_empty()).unwrap_or("info").to_ascii_lowercase()
}

/// The longest wait that a worker can ask for, a year in seconds: a moment so far ahead can still
/// be counted.
const LONGEST_PAUSE: f64 = 366.0 * 24.0 * 60.0 * 60.0;

fn retry_after(object: &Map<String, Value>) -> Option<f64> {
    let seconds = object.get("retry_after")?.as_f64()?;
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds.min(LONGEST_PAUSE))
}

/// The value as the worker wrote it, where the frame has the form that the task runner sends;
/// a parsed one has lost the order of its keys and the digits of large numbers.
fn result(object: &Map<String, Value>, text: &str) -> String {
    let written = text
        .strip_prefix(r#"{"type":"result","value":"#)
        .and_then(|rest| rest.strip_suffix('}'))
        .filter(|_| object.len() == 2);
    written.map_or_else(
        || object.get("value").map_or_else(|| "null".to_owned(), Value::to_string),
        str::to_owned,
    )
}

/// The same JSON without space between its tokens, so that it is one line. Order of keys and
/// digits of numbers stay.
///
/// # Errors
/// It is not one JSON value, or nested deeper than 128.
pub fn compact_json(text: &str) -> Result<String, serde_json::Error> {
    serde_json::from_str::<serde::de::IgnoredAny>(text)?;
    let mut compact = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if !in_string && c.is_ascii_whitespace() {
            continue;
        }
        in_string ^= c == '"' && !escaped;
        escaped = in_string && c == '\\' && !escaped;
        compact.push(c);
    }
    Ok(compact)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: &str) -> Option<Incoming> {
        match Frame::parse(line.as_bytes())? {
            Frame::Message(incoming) => Some(incoming),
            Frame::Handle(_) | Frame::Internal => None,
        }
    }

    fn activity(text: &str) -> Incoming {
        Incoming::Activity { message: text.to_owned() }
    }

    #[test]
    fn every_shape_has_its_meaning() {
        let log = |level: &str, message: &str| Incoming::Log {
            level: level.to_owned(),
            message: message.to_owned(),
        };
        let result = |value: &str| Incoming::Result { value: value.to_owned() };
        let leaving =
            |retry_after| Incoming::ExitReason { reason: "quota".to_owned(), retry_after };
        for (line, expected) in [
            (r#""ready""#, Incoming::Ready),
            (r#"{"type":"ready"}"#, Incoming::Ready),
            (r#""plain words""#, activity("plain words")),
            (r#"{"type":"activity","message":"at work"}"#, activity("at work")),
            (
                r#"{"type":"activity","message":"x","n":1}"#,
                activity(r#"{"type":"activity","message":"x","n":1}"#),
            ),
            (r#"{"type":"activity","message":7}"#, activity(r#"{"type":"activity","message":7}"#)),
            (r#"{"z":1,"a":2}"#, activity(r#"{"z":1,"a":2}"#)),
            ("[1,2]", activity("[1,2]")),
            ("null", activity("null")),
            (r#"{"type":7}"#, activity(r#"{"type":7}"#)),
            (r#"{"cmd":"NODE_"}"#, activity(r#"{"cmd":"NODE_"}"#)),
            (r#"{"type":"log","level":"WARN","message":"m"}"#, log("warn", "m")),
            (r#"{"type":"log","message":{"a":1}}"#, log("info", r#"{"a":1}"#)),
            (r#"{"type":"log","level":"a b"}"#, log("info", "")),
            (
                r#"{"type":"result","value":{"z":1,"a":12345678901234567890123}}"#,
                result(r#"{"z":1,"a":12345678901234567890123}"#),
            ),
            (r#"{"value":[1], "type":"result"}"#, result("[1]")),
            (r#"{"type":"result"}"#, result("null")),
            (r#"{"type":"exit_reason","reason":"quota","retry_after":2.5}"#, leaving(Some(2.5))),
            (r#"{"type":"exit_reason","reason":"quota","retry_after":-1}"#, leaving(None)),
            (
                r#"{"type":"exit_reason","reason":"quota","retry_after":1e18}"#,
                leaving(Some(LONGEST_PAUSE)),
            ),
        ] {
            assert_eq!(message(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_node_says_to_node_is_not_a_message() {
        assert!(matches!(Frame::parse(br#"{"cmd":"NODE_OTHER"}"#), Some(Frame::Internal)));
        let handle = br#"{"cmd":"NODE_HANDLE","type":"net.Server","msg":"hello"}"#;
        let Some(Frame::Handle(Some(inner))) = Frame::parse(handle) else {
            panic!("a handle with a message");
        };
        assert_eq!(inner, activity("hello"));
        assert!(Frame::parse(b"{bad").is_none());
        assert!(Frame::parse(b"\xff").is_none());
        assert!(Frame::parse("[".repeat(200_000).as_bytes()).is_none());
    }

    #[test]
    fn json_is_compacted_without_touching_texts_and_numbers() {
        for (text, expected) in [
            ("{ \"b\" : [1, 2.50 ],\n \"a\": \"x \\\" \\\\\" }", r#"{"b":[1,2.50],"a":"x \" \\"}"#),
            (" 1e400 ", "1e400"),
            ("\"a\u{2028} b\"", "\"a\u{2028} b\""),
        ] {
            assert_eq!(compact_json(text).expect("JSON"), expected);
        }
        assert!(compact_json("{bad}").is_err());
        assert!(compact_json("1 2").is_err());
    }
}
