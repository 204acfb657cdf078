//! A run as its worker's task holds it, and what the two tasks send each other.

use std::{sync::Arc, time::Duration};

use super::{
    launch_limiter::Permit,
    sync::{latest::Latest, mailbox::Mailbox},
};
use crate::{
    domain::RunId,
    worker::{Event, RunKey},
};

/// An event of a run, for the machine of its worker.
pub(super) struct RunEvent(pub(super) Event);

/// How a run is asked to end. Only the latest value counts, and it only becomes stricter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StopRequest {
    /// The signal that asks the run to end, and how long the run may take.
    pub(super) stop: Option<(i32, Duration)>,
    /// Whether every process of the run is to be killed.
    pub(super) is_kill: bool,
}

/// A run that has not ended.
pub(super) struct LiveRun {
    pub(super) key: RunKey,
    pub(super) id: RunId,
    pub(super) stop_request: Arc<Latest<StopRequest>>,
    pub(super) inputs: Arc<Mailbox<String>>,
    /// Held until the run has shown life, so that only so many launch at once.
    pub(super) permit: Option<Permit>,
}

impl LiveRun {
    /// Has every process of the run killed.
    pub(super) fn kill(&self) {
        self.stop_request.change(|request| request.is_kill = true);
    }
}
