//! Events, as `/events` reports them.

use serde::Serialize;

use super::{RunId, Stamp, State, WorkerId};

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A worker's state changed.
    Worker,
    /// A reload was applied or rejected.
    Reload,
    /// `/health` changed.
    Health,
}

/// One thing that happened. Its fields are those of the contract's event.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Counts upwards from 1 through the life of one arcanos.
    pub id: u64,
    /// When.
    pub at: Stamp,
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// The worker, if it is about one.
    pub worker: Option<WorkerId>,
    /// The worker's state now; `null` once it is gone.
    pub state: Option<State>,
    /// Its state before.
    pub previous: Option<State>,
    /// The run it is about.
    pub run_id: Option<RunId>,
    /// In words.
    pub message: String,
}
