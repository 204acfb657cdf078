//! Asks an upstream once whether it knows the model and takes the key.
//!
//! One request (`GET /models/ID`), never repeated. A bad answer is a finding to show, not a
//! failure: nothing waits for it. It does not try a completion, which would cost money, so a key
//! without credit passes.

mod client;
mod finding;
#[cfg(test)]
mod tests;

use std::time::Duration;

use secrecy::SecretString;
use tokio::time;

use self::{client::Failure, finding::Upstream};

/// What is asked about.
#[derive(Clone, Debug)]
pub struct Target {
    /// The base URL, as in `https://host/v1`; `None` is OpenAI's own.
    pub base_url: Option<String>,
    /// The value of `OPENAI_API_KEY`; empty where there is none.
    pub key: SecretString,
    /// The value of `AI_MODEL`.
    pub model: String,
    /// How long the upstream may take, from name to last byte.
    pub timeout: Duration,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reachability {
    /// Whether workers can use key and model there; `None` where the upstream cannot tell.
    pub reachable: Option<bool>,
    /// Why it is not `Some(true)`. One line; holds no key, whole or masked.
    pub error: Option<String>,
}

/// Asks once. Takes no longer than `target.timeout`.
///
/// # Cancel safety
/// Dropping it closes the connection; nothing else was begun.
pub async fn preflight(target: &Target) -> Reachability {
    let upstream = Upstream::of(target);
    let asked = time::timeout(target.timeout, client::ask(target)).await;
    match asked.unwrap_or(Err(Failure::Late)) {
        Ok(()) => Reachability { reachable: Some(true), error: None },
        Err(failure) => upstream.finding(&failure),
    }
}
