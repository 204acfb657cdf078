//! The stand-in's answer to a question: prose or JSON, cut into pieces for streaming.

use serde_json::json;

use super::{
    identity::MARK,
    question::{Format, Question},
    schema,
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
    /// The digest of its question, for ids.
    pub(super) digest: u64,
    /// Words of the question.
    pub(super) question_words: usize,
    /// Words of the text.
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
            words: text.split_whitespace().count(),
            question_words: question.words,
            digest,
            text,
        }
    }

    /// The text in pieces of a word each, with the space before it.
    pub(super) fn pieces(&self) -> Vec<String> {
        let mut pieces: Vec<String> = Vec::with_capacity(self.words);
        let mut piece = String::new();
        for character in self.text.chars() {
            if character.is_whitespace() && !piece.trim_end().is_empty() {
                pieces.push(std::mem::take(&mut piece));
            }
            piece.push(character);
        }
        pieces.push(piece);
        pieces
    }
}

/// The beginning of a text, its whitespace made single spaces.
fn excerpt(text: &str) -> String {
    let mut words = text.split_whitespace();
    let kept: Vec<&str> = words.by_ref().take(EXCERPT_WORDS).collect();
    let kept = kept.join(" ");
    let cut: String = kept.chars().take(EXCERPT_CHARS).collect();
    if words.next().is_some() || cut.len() < kept.len() { format!("{cut} …") } else { cut }
}
