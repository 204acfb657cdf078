//! [`Story`]: everything that `arcanos why` found out about one file.

use serde_json::Value;

use crate::discovery::Verdict;

/// Everything there is to say about one file.
pub(super) struct Story {
    pub(super) verdict: Verdict,
    /// The file as it is shown: by its folder's name.
    pub(super) path: String,
    /// The line that decided.
    pub(super) source: Option<String>,
    /// The packages whose import decides, to be marked in the line.
    pub(super) packages: Vec<String>,
    /// What its owner should know.
    pub(super) warnings: Vec<String>,
    /// The worker in the running arcanos.
    pub(super) worker: Option<Value>,
}
