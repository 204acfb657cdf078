//! What the errors of the OpenAI and Anthropic SDKs mean.
//!
//! Their classes have names that other programs use too: an error is theirs only if it also gives
//! the status of the answer, as theirs do.

use super::super::names;

/// The classes of errors that carry a status.
const CLASSES: [&str; 11] = [
    "AuthenticationError: ",
    "PermissionDeniedError: ",
    "NotFoundError: ",
    "RateLimitError: ",
    "BadRequestError: ",
    "ConflictError: ",
    "UnprocessableEntityError: ",
    "InternalServerError: ",
    "APIStatusError: ",
    "APIError: ",
    "OverloadedError: ",
];

/// The variable with a key that an SDK asks for.
pub(super) fn key_variable(own: &str) -> Option<&str> {
    let asks = [
        "Missing credentials",
        "environment variable is missing",
        "client option must be set",
        "environment variable must be set",
    ];
    if own.contains("Could not resolve authentication method") {
        return Some("ANTHROPIC_API_KEY");
    }
    asks.iter().any(|words| own.contains(words)).then_some(())?;
    // The class of OpenAI comes with a message that is cut where it names the variable.
    names::variable(own)
        .or_else(|| own.contains("OpenAIError: Missing cred").then_some("OPENAI_API_KEY"))
}

/// What the upstream's answer means.
pub(super) fn meaning(region: &[String]) -> Option<&'static str> {
    let says = |words: &str| region.iter().any(|line| line.contains(words));
    let status = region.iter().find_map(|line| status(line));
    if says("insufficient_quota")
        || says("exceeded your current quota")
        || says("credit balance is too low")
    {
        return Some("the quota of the API key is used up (see its plan and billing)");
    }
    if says("invalid_api_key") || says("Incorrect API key") || says("invalid x-api-key") {
        return Some("the upstream refuses the API key (401)");
    }
    if says("model_not_found") || (status == Some(404) && says("model")) {
        return Some("the upstream does not know the model (check AI_MODEL)");
    }
    if says("rate_limit_exceeded") {
        return Some("the upstream limits the rate of requests (429)");
    }
    match status {
        Some(401) => Some("the upstream refuses the API key (401)"),
        Some(403) => Some("the upstream forbids the request (403)"),
        Some(429) => Some("the upstream limits the rate of requests (429)"),
        Some(529) => Some("the upstream is overloaded (529)"),
        Some(500..=599) => Some("the upstream failed (5xx)"),
        _ => by_connection(region),
    }
}

/// A call that got no answer.
fn by_connection(region: &[String]) -> Option<&'static str> {
    let says = |words: &[&str]| region.iter().any(|line| words.iter().any(|w| line.contains(w)));
    if says(&["APIConnectionTimeoutError", "APITimeoutError"]) {
        return Some("the upstream did not answer in time");
    }
    says(&[
        "APIConnectionError: Connection error",
        "openai.APIConnectionError",
        "anthropic.APIConnectionError",
    ])
    .then_some("the upstream cannot be reached")
}

/// The status in `RateLimitError: 429 …` and `openai.RateLimitError: Error code: 429 - …`.
fn status(line: &str) -> Option<u16> {
    let rest = CLASSES.iter().find_map(|class| line.split_once(class)).map(|(_, rest)| rest)?;
    let rest = rest.strip_prefix("Error code: ").unwrap_or(rest);
    let digits: &str = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    (digits.len() == 3).then(|| digits.parse().ok()).flatten()
}
