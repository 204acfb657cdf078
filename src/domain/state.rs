//! The states of a worker.

use std::fmt;

use serde::Serialize;

/// The state of a worker, as everybody sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waiting for its turn, or launched and not ready yet.
    Starting,
    /// Up and ready.
    Running,
    /// Told to end; its processes are not all gone yet.
    Stopping,
    /// Failed, and waiting for the next attempt.
    Backoff,
    /// Exited with 0 and need not run again.
    Completed,
    /// Waiting for its next run by schedule, or by `policy = "always"` after exit 0.
    Scheduled,
    /// Given up; a person, an edit of its file or of its settings starts it again.
    Failed,
    /// Stopped by a person, or `enabled = false`.
    Stopped,
}

impl State {
    /// All states, in the order of a life.
    pub const ALL: [Self; 8] = [
        Self::Starting,
        Self::Running,
        Self::Stopping,
        Self::Backoff,
        Self::Completed,
        Self::Scheduled,
        Self::Failed,
        Self::Stopped,
    ];

    /// The state's name on the wire and in the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Backoff => "backoff",
            Self::Completed => "completed",
            Self::Scheduled => "scheduled",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
