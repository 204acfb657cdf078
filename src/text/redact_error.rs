//! [`RedactError`]: why a redactor cannot be built.

/// Why a redactor cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RedactError {
    /// One of the patterns is not a regex, or takes too much memory.
    #[error("the pattern with the index {index} is not usable: {reason}")]
    Pattern {
        /// Which of them, from 0. The pattern itself may hold a secret.
        index: usize,
        /// What is wrong with it, on one line.
        reason: String,
    },
    /// The secrets together take too much memory.
    #[error("there are too many secrets to look for: {0}")]
    Secrets(String),
}
