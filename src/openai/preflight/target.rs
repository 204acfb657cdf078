//! The preflight's input, the upstream with its key and model, and its result.

use std::time::Duration;

use secrecy::SecretString;

/// The upstream, the key and the model to ask about.
#[derive(Clone, Debug)]
pub struct PreflightTarget {
    /// The base URL, as in `https://host/v1`; `None` is OpenAI's own.
    pub base_url: Option<String>,
    /// The value of `OPENAI_API_KEY`; empty where there is none.
    pub key: SecretString,
    /// The value of `AI_MODEL`.
    pub model: String,
    /// How long the upstream may take, from name to last byte.
    pub timeout: Duration,
}

/// What the upstream's answer means for the workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reachability {
    /// Whether workers can use key and model there; `None` where the answer does not say.
    pub reachable: Option<bool>,
    /// Why it is not `Some(true)`, or what may still go wrong. One line; holds no key, whole or
    /// masked.
    pub error: Option<String>,
}
