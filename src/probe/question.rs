//! [`Question`]: one question of a probe.

use tokio_util::sync::CancellationToken;

use crate::domain::{Probe, RunId};

/// A question that is to be asked.
pub(crate) struct Question<'a> {
    /// What is asked, and how long the answer may take.
    pub(crate) probe: &'a Probe,
    /// The id under which a command runs: all that it starts is known by this.
    pub(crate) id: RunId,
    /// Cancelled once nobody wants the answer any more.
    pub(crate) dropped: &'a CancellationToken,
}
