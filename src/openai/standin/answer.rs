//! The stand-in's answer to a question: prose or JSON, cut into pieces for streaming.

use serde_json::json;

use super::{
    identity::MARK,
    question::{Format, Question},
    schema,
    tool::Call,
};

/// Words of the question that the answer repeats.
const EXCERPT_WORDS: usize = 24;

/// Characters of the question that the answer repeats: a word may be long.
const EXCERPT_CHARS: usize = 240;

/// An answer, to be sent whole or in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The text.
    pub(super) text: String,
    /// The call of a tool that is made in place of the text.
    pub(super) call: Option<Call>,
    /// The digest of its question, for ids.
    pub(super) digest: u64,
    /// Words of the question.
    pub(super) question_words: usize,
    /// Words of the text, or of the arguments of the call.
    pub(super) words: usize,
}

impl Answer {
    /// The answer to this question, always the same.
    pub(super) fn to(question: &Question) -> Self {
        let digest = question.digest;
        let remark = format!("{MARK} question {digest:016x}");
        let text = match &question.format {
            Format::Text => {
                format!("{remark}: no model was asked. You said: \"{}\"", excerpt(&question.last))
            }
            Format::Object => {
                json!({ "answer": remark, "question": excerpt(&question.last) }).to_string()
            }
            Format::Fitting(schema) => schema::instance(schema, &remark).to_string(),
        };
        Self {
            words: question
                .call
                .as_ref()
                .map_or(&*text, |call| call.arguments.text())
                .split_whitespace()
                .count(),
            call: question.call.clone(),
            question_words: question.words,
            digest,
            text,
        }
    }

    /// The id of the call.
    pub(super) fn call_id(&self) -> String {
        format!("call_echo_{:016x}", self.digest)
    }

    /// The text in pieces of a word each, with the space before it.
    pub(super) fn pieces(&self) -> Vec<String> {
        pieces(&self.text)
    }
}

/// A text in pieces of a word each, with the space before it.
pub(super) fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut piece = String::new();
    for character in text.chars() {
        if character.is_whitespace() && !piece.trim_end().is_empty() {
            pieces.push(std::mem::take(&mut piece));
        }
        piece.push(character);
    }
    pieces.push(piece);
    pieces
}

/// The beginning of a text, its whitespace made single spaces.
fn excerpt(text: &str) -> String {
    let mut words = text.split_whitespace();
    let kept: Vec<&str> = words.by_ref().take(EXCERPT_WORDS).collect();
    let kept = kept.join(" ");
    let cut: String = kept.chars().take(EXCERPT_CHARS).collect();
    if words.next().is_some() || cut.len() < kept.len() { format!("{cut} …") } else { cut }
}
