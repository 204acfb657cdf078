//! What all suites share: a folder with an arcanos in it, an HTTP client, `/proc`, and waiting.
//!
//! The suites `it` and `faults` and the bench `supervisor` take this module in by its path, and
//! each adds the vocabulary that it alone needs.

pub(crate) mod http;
pub(crate) mod needs;
pub(crate) mod processes;
pub(crate) mod site;
pub(crate) mod waiting;
