//! Explains a failure of the preflight: what it means for the workers, in words without the key.

use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

use super::{
    client::{PreflightFailure, quotes},
    target::{PreflightTarget, Reachability},
};

/// What stands in place of a key, whole or masked.
const REDACTED: &str = "[redacted OPENAI_API_KEY]";

/// The shortest key, in bytes, that is redacted in texts: shorter ones would blank ordinary words.
const SHORTEST_KEY: usize = 6;

/// A word that begins with so many characters of the key is taken for a masked key.
const MASKED_KEY_PREFIX: usize = 8;

/// Characters of the upstream's own message that are quoted.
const MESSAGE_LIMIT: usize = 300;

/// Who was asked what.
pub(super) struct Upstream<'a> {
    /// Scheme, host and port, without the path or a user of the URL, which may be secret.
    name: String,
    key: &'a SecretString,
    model: &'a str,
    seconds: f64,
}

impl<'a> Upstream<'a> {
    /// The upstream of this target.
    pub(super) fn of(target: &'a PreflightTarget) -> Self {
        let name = match &target.base_url {
            None => "OpenAI".to_owned(),
            Some(url) => Url::parse(url.trim()).map_or_else(
                |_| "the upstream".to_owned(),
                |url| format!("`{}`", url.origin().ascii_serialization()),
            ),
        };
        Self {
            name,
            key: &target.key,
            model: target.model.trim(),
            seconds: target.timeout.as_secs_f64(),
        }
    }

    /// What this failure means.
    pub(super) fn finding(&self, failure: &PreflightFailure) -> Reachability {
        let name = &self.name;
        let (reachable, error) = match failure {
            PreflightFailure::NoKey => (Some(false), "`OPENAI_API_KEY` is not set".to_owned()),
            PreflightFailure::UnusableKey => (
                Some(false),
                "`OPENAI_API_KEY` holds a character that no HTTP header may hold, such as a line \
                 break"
                    .to_owned(),
            ),
            PreflightFailure::NoModel => (Some(false), "`AI_MODEL` is empty".to_owned()),
            PreflightFailure::BadUrl => {
                (Some(false), "the upstream is not an `http://` or `https://` URL".to_owned())
            }
            PreflightFailure::NoClient(cause) => (None, format!("{name} was not asked: {cause}")),
            PreflightFailure::Unreachable(cause) => {
                (Some(false), format!("{name} cannot be reached: {cause}"))
            }
            PreflightFailure::Late => (
                Some(false),
                format!("{name} cannot be reached: no answer within {} s", self.seconds),
            ),
            PreflightFailure::BrokenOff(cause) => (None, format!("{name} broke off: {cause}")),
            PreflightFailure::NotAModel => (
                None,
                format!(
                    "{name} cannot tell: its answer about the model is not one of OpenAI's API"
                ),
            ),
            PreflightFailure::NotListed => (
                Some(true),
                format!(
                    "{name} accepts `OPENAI_API_KEY`, but its list of models lacks `{}` of `AI_MODEL`",
                    self.model
                ),
            ),
            PreflightFailure::Refused { status, code, message } => {
                self.refused(*status, code.as_deref(), message)
            }
        };
        Reachability { reachable, error: Some(error) }
    }

    /// What an answer with this status means.
    fn refused(&self, status: u16, code: Option<&str>, message: &str) -> (Option<bool>, String) {
        let Self { name, model, .. } = self;
        let said = self.quoted(message);
        if code == Some("model_not_found") || (status == 404 && quotes(message, self.model)) {
            let text = format!("{name} does not know the model `{model}` of `AI_MODEL`{said}");
            return (Some(false), text);
        }
        let reason = StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("");
        let answered = format!("{status} {reason}");
        let answered = answered.trim_end();
        match status {
            401 | 403 => {
                (Some(false), format!("{name} refused `OPENAI_API_KEY` with {answered}{said}"))
            }
            404 | 405 | 501 => (
                None,
                format!(
                    "{name} cannot tell: it answers neither `GET /models/ID` ({answered}) nor \
                     `GET /models`"
                ),
            ),
            _ => (None, format!("{name} cannot tell: it answered {answered}{said}")),
        }
    }

    /// The upstream's words after a colon: one line, bounded, without the key.
    fn quoted(&self, message: &str) -> String {
        let key = self.key.expose_secret().trim();
        let whole = if key.len() >= SHORTEST_KEY {
            message.replace(key, REDACTED)
        } else {
            message.to_owned()
        };
        let words: Vec<String> = whole
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .map(|word| unmasked(word, key))
            .collect();
        let words: String = words.join(" ").chars().take(MESSAGE_LIMIT).collect();
        if words.is_empty() { words } else { format!(": {words}") }
    }
}

/// The word, or the mark if the word is a key with its middle blanked, as `sk-ab***yz` is.
fn unmasked(word: &str, key: &str) -> String {
    let bare = word.trim_start_matches(['\'', '"', '`', '(', ':']);
    let begins_like_key =
        key.get(..MASKED_KEY_PREFIX).is_some_and(|beginning| bare.starts_with(beginning));
    if begins_like_key || word.contains("***") {
        let closing = word.chars().last().filter(|c| ".,;".contains(*c));
        let closing = closing.map(String::from).unwrap_or_default();
        format!("{REDACTED}{closing}")
    } else {
        word.to_owned()
    }
}
