//! Words by which the common causes are known.

/// Words in a line, and what they mean.
pub(super) struct Sign {
    /// All of these stand in one line.
    pub(super) words: &'static [&'static str],
    pub(super) meaning: &'static str,
}

const fn sign(words: &'static [&'static str], meaning: &'static str) -> Sign {
    Sign { words, meaning }
}

const NO_KEY: &str = "no OPENAI_API_KEY reached it; set the variable for arcanos or in `[env.set]`";
const BAD_KEY: &str = "the upstream refuses the API key (401)";
const NO_QUOTA: &str = "the OpenAI quota is used up; see the plan and billing of the key";
const NO_MODEL: &str = "the upstream does not know the model; check AI_MODEL";
const RATE: &str = "the upstream limits the rate of requests (429)";
const PORT: &str = "a port it wants to listen on is in use";
const DISK: &str = "the disk is full";

/// The signs, the most telling first. Checked against what Node 20, openai-node 6, Python 3.11
/// and openai-python 3 print.
pub(super) const SIGNS: [Sign; 35] = [
    sign(
        &["JavaScript heap out of memory"],
        "Node ran out of its heap; raise it with `--max-old-space-size` in the command",
    ),
    sign(&["Missing credentials"], NO_KEY),
    sign(&["OPENAI_API_KEY environment variable is missing"], NO_KEY),
    sign(&["api_key client option must be set"], NO_KEY),
    sign(&["KeyError: 'OPENAI_API_KEY'"], NO_KEY),
    sign(&["insufficient_quota"], NO_QUOTA),
    sign(&["exceeded your current quota"], NO_QUOTA),
    sign(&["429", "quota"], NO_QUOTA),
    sign(&["invalid_api_key"], BAD_KEY),
    sign(&["Incorrect API key"], BAD_KEY),
    sign(&["AuthenticationError", "401"], BAD_KEY),
    sign(&["model_not_found"], NO_MODEL),
    sign(&["404", "model", "does not exist"], NO_MODEL),
    sign(&["context_length_exceeded"], "the request is longer than the model's context"),
    sign(&["maximum context length"], "the request is longer than the model's context"),
    sign(&["RateLimitError"], RATE),
    sign(&["rate_limit_exceeded"], RATE),
    sign(&["PermissionDeniedError", "403"], "the upstream forbids the request (403)"),
    sign(&["InternalServerError: 5"], "the upstream failed (5xx)"),
    sign(&["InternalServerError: Error code: 5"], "the upstream failed (5xx)"),
    sign(&["EADDRINUSE"], PORT),
    sign(&["Address already in use"], PORT),
    sign(&["ECONNREFUSED"], "a server it needs refused the connection"),
    sign(&["ConnectionRefusedError"], "a server it needs refused the connection"),
    sign(&["ENOTFOUND"], "the name of a server it needs cannot be resolved"),
    sign(&["Name or service not known"], "the name of a server it needs cannot be resolved"),
    sign(&["APIConnectionTimeoutError"], "the upstream did not answer in time"),
    sign(&["APITimeoutError"], "the upstream did not answer in time"),
    sign(&["APIConnectionError"], "the upstream cannot be reached"),
    sign(&["ENOSPC"], DISK),
    sign(&["No space left on device"], DISK),
    sign(
        &["Cannot use import statement outside a module"],
        "it is an ES module in a folder whose package.json lacks `\"type\": \"module\"`",
    ),
    sign(&["MemoryError"], "Python ran out of memory"),
    sign(&["EMFILE"], "it has too many files open; see `limits.open_files`"),
    sign(&["UnhandledPromiseRejection"], "a promise was rejected, and nothing caught it"),
];
