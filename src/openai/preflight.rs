//! The preflight: asks an upstream once whether it knows the model and accepts the key.
//!
//! One request (`GET /models/ID`), and where the upstream has no such route a second
//! (`GET /models`), which answers for the key; none is repeated. A bad answer is a finding to show, not a
//! failure: nothing waits for it. The preflight does not try a completion, which would cost money, so a key
//! without credit passes.

mod client;
mod finding;
mod target;
#[cfg(test)]
mod tests;

use tokio::time;

use self::{client::PreflightFailure, finding::Upstream};

pub use self::target::{PreflightTarget, Reachability};

/// Asks once, and takes no longer than `target.timeout`.
///
/// # Cancel safety
/// Dropping it closes the connection; nothing else was begun.
pub async fn preflight(target: &PreflightTarget) -> Reachability {
    let upstream = Upstream::of(target);
    let asked = time::timeout(target.timeout, client::ask(target)).await;
    match asked.unwrap_or(Err(PreflightFailure::Late)) {
        Ok(()) => Reachability { reachable: Some(true), error: None },
        Err(failure) => upstream.finding(&failure),
    }
}
