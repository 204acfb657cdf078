//! A run as its worker's task holds it, and what the two tasks send each other.

use std::sync::Arc;

use super::{
    launch_limiter::Permit,
    sync::{latest::Latest, mailbox::Mailbox},
};
use crate::{
    domain::{RunId, StopPolicy},
    worker::{Event, RunKey},
};

/// An event of a run, for the machine of its worker.
pub(super) struct RunEvent(pub(super) Event);

/// How a run is asked to end. Only the latest value counts, and it only becomes stricter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StopRequest {
    /// How the run is asked to end, and how long it may take.
    pub(super) stop: Option<StopPolicy>,
    /// Whether every process of the run is to be killed.
    pub(super) is_kill: bool,
}

/// Something for a run, in the order in which people asked for it.
#[derive(Debug)]
pub(super) enum Delivery {
    /// A JSON text, as a message on its channel.
    Input(String),
    /// A signal for its first process.
    Signal(i32),
}

/// A run that has not ended.
pub(super) struct LiveRun {
    pub(super) key: RunKey,
    pub(super) id: RunId,
    pub(super) stop_request: Arc<Latest<StopRequest>>,
    pub(super) deliveries: Arc<Mailbox<Delivery>>,
    /// Held until the run is up, or has a process, so that only so many launch at once.
    pub(super) permit: Option<Permit>,
}

impl LiveRun {
    /// Has every process of the run killed.
    pub(super) fn kill(&self) {
        self.stop_request.change(|request| request.is_kill = true);
    }
}
