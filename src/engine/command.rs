//! Requests to the engine, and why one is refused.

use crate::domain::{State, WorkerId};

/// Why a request about a worker was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No worker has this name.
    #[error("Worker {0} not found")]
    Unknown(String),
    /// `enabled = false`: the config would undo a person's start.
    #[error("worker {0} is disabled by `workers.{0}.enabled = false`; enable it there first")]
    Disabled(WorkerId),
    /// Anyone may write to what the worker runs, so nothing new starts from it.
    #[error("worker {worker} is not started, and what runs goes on: {reason}")]
    Untrusted {
        /// The worker.
        worker: WorkerId,
        /// Which path is open, and what to do about it.
        reason: String,
    },
    /// A task is already at work and cannot take another input.
    #[error("worker {0} already runs; stop it first or wait until its run has ended")]
    AlreadyRunning(WorkerId),
    /// There is no process that could get a signal.
    #[error("worker {0} is not running; there is no process to send a signal to")]
    NotRunning(WorkerId),
    /// The worker's channel is full: the worker does not read it.
    #[error("worker {0} does not read its channel; the input was not delivered")]
    NotReading(WorkerId),
    /// arcanos is ending.
    #[error("arcanos is shutting down; no more requests are taken")]
    Stopping,
}

/// Why the engine cannot say what a reload would do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreviewError {
    /// The state directory has no draft of this name.
    #[error("there is no draft `{0}` in the state directory")]
    NoDraft(String),
    /// arcanos is ending.
    #[error("arcanos is shutting down; no more requests are taken")]
    Stopping,
}

/// A worker did not reach the state that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("worker {worker} is {state}: {reason}")]
pub struct WorkerFailed {
    /// The worker.
    pub worker: WorkerId,
    /// The state it is in instead.
    pub state: State,
    /// Why.
    pub reason: String,
}
