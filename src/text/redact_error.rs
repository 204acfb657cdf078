//! [`RedactError`]: why a redactor cannot be built.

/// Why a redactor cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RedactError {
    /// One of the patterns is not a regex, or takes too much memory.
    #[error("`{pattern}` is not a usable pattern: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it, on one line.
        reason: String,
    },
    /// The secrets together take too much memory.
    #[error("there are too many secrets to look for: {0}")]
    Secrets(String),
}
