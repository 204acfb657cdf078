//! The question in a request's body, for chats and responses alike: its text, its size in words,
//! its digest, and the format that the answer must have.

use serde_json::{Map, Value};

use super::{
    refusal::Refusal,
    tool::{self, Call},
};

/// The question of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    /// The text of the last message of the user, or of the last message at all.
    pub(super) last: String,
    /// Whitespace-separated words of all messages.
    pub(super) words: usize,
    /// A digest of the whole question: equal questions have equal ones.
    pub(super) digest: u64,
    /// The format of the answer.
    pub(super) format: Format,
    /// The call of a tool that must be the answer.
    pub(super) call: Option<Call>,
}

/// The format of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Format {
    /// Prose.
    Text,
    /// Any JSON object.
    Object,
    /// JSON that fits this schema.
    Fitting(Value),
}

impl Question {
    /// Reads the body of a chat completion.
    pub(super) fn of_chat(body: &Map<String, Value>) -> Result<Self, Refusal> {
        let messages = body.get("messages").ok_or(Refusal::Missing("messages"))?;
        let messages = messages.as_array().filter(|messages| !messages.is_empty()).ok_or(
            Refusal::Invalid {
                parameter: "messages",
                expected: "a list with at least one message",
            },
        )?;
        let mut gathered = Gathered::default();
        for message in messages {
            gathered.add_message(message, "messages")?;
        }
        let format =
            answer_format(body.get("response_format"), "response_format", "/json_schema/schema")?;
        Ok(gathered.question(format, tool::demanded(body)?))
    }

    /// Reads the body of a response.
    pub(super) fn of_response(body: &Map<String, Value>) -> Result<Self, Refusal> {
        let mut gathered = Gathered::default();
        if let Some(instructions) = body.get("instructions").and_then(Value::as_str) {
            gathered.add("system", instructions);
        }
        match body.get("input") {
            None => return Err(Refusal::Missing("input")),
            Some(Value::String(text)) => gathered.add("user", text),
            Some(Value::Array(items)) => {
                for item in items {
                    gathered.add_message(item, "input")?;
                }
            }
            Some(_) => {
                return Err(Refusal::Invalid {
                    parameter: "input",
                    expected: "a string or a list of items",
                });
            }
        }
        let format = body.get("text").and_then(|text| text.get("format"));
        let format = answer_format(format, "text.format", "/schema")?;
        Ok(gathered.question(format, tool::demanded(body)?))
    }
}

/// What was read of a request so far.
#[derive(Default)]
struct Gathered {
    last: String,
    last_of_user: Option<String>,
    words: usize,
    digest: Digest,
}

impl Gathered {
    fn add(&mut self, role: &str, text: &str) {
        self.digest.add(role.as_bytes());
        self.digest.add(text.as_bytes());
        self.words += text.split_whitespace().count();
        text.clone_into(&mut self.last);
        if role == "user" {
            self.last_of_user = Some(text.to_owned());
        }
    }

    /// Adds a message, or an item without text (a call of a tool, its output).
    fn add_message(&mut self, message: &Value, parameter: &'static str) -> Result<(), Refusal> {
        let Value::Object(fields) = message else {
            return Err(Refusal::Invalid { parameter, expected: "a list of objects" });
        };
        let role = fields.get("role").and_then(Value::as_str).unwrap_or("");
        match fields.get("content") {
            Some(Value::String(text)) => self.add(role, text),
            Some(Value::Array(parts)) => self.add(role, &joined(parts)),
            // An assistant's call of a tool looks like this: it has no text, but is part of the question.
            None | Some(Value::Null) => self.digest.add(message.to_string().as_bytes()),
            Some(_) => {
                return Err(Refusal::Invalid {
                    parameter,
                    expected: "content that is a string or a list of parts",
                });
            }
        }
        Ok(())
    }

    fn question(self, format: Format, call: Option<Call>) -> Question {
        Question {
            last: self.last_of_user.unwrap_or(self.last),
            words: self.words,
            digest: self.digest.value(),
            format,
            call,
        }
    }
}

/// The texts of a message's parts; other parts (images, sound) are left out.
fn joined(parts: &[Value]) -> String {
    let texts: Vec<&str> =
        parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect();
    texts.join(" ")
}

/// The format that a `response_format` or `text.format` asks for; its schema lies at `schema`.
fn answer_format(
    format: Option<&Value>,
    parameter: &'static str,
    schema: &'static str,
) -> Result<Format, Refusal> {
    let Some(format) = format.filter(|format| !format.is_null()) else {
        return Ok(Format::Text);
    };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::Object),
        Some("json_schema") => Ok(format
            .pointer(schema)
            .map_or(Format::Object, |schema| Format::Fitting(schema.clone()))),
        _ => Err(Refusal::Invalid {
            parameter,
            expected: "a type of `text`, `json_object` or `json_schema`",
        }),
    }
}

/// FNV-1a over byte strings, each closed by a byte that no UTF-8 text holds.
#[derive(Clone, Debug)]
pub(super) struct Digest(u64);

impl Default for Digest {
    /// The offset basis of 64-bit FNV.
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Adds one string.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&[0xff]) {
            // The prime of 64-bit FNV.
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// The digest of the strings so far.
    pub(super) const fn value(&self) -> u64 {
        self.0
    }
}
