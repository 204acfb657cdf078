//! What happens to a worker, and what is to be done about it.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::domain::{Evidence, Exit, InstanceName, RunId, WorkerSpec};

/// Names a run among those of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunKey(pub u64);

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The worker may launch a run now.
    Admitted,
    /// A run has a process.
    Spawned {
        /// Which run.
        run: RunKey,
        /// Its name to the world.
        id: RunId,
        /// What the runtime calls it.
        instance: InstanceName,
    },
    /// The operating system cannot apply some limits of a run; comes before [`Event::Spawned`].
    LimitsNotApplied {
        /// Which run.
        run: RunKey,
        /// What, in words.
        warnings: Vec<String>,
    },
    /// A run could not be spawned.
    SpawnFailed {
        /// Which run.
        run: RunKey,
        /// Why, in words.
        reason: String,
        /// Whether the next try may well succeed, as after a shortage of processes.
        is_transient: bool,
    },
    /// A run says that it is ready.
    SaidReady(RunKey),
    /// A run's task has been called: from now on it is no script.
    TaskBegan(RunKey),
    /// A run says why it will exit, and how long to wait before the next attempt.
    SaidExitReason {
        /// Which run.
        run: RunKey,
        /// In its own words.
        reason: String,
        /// How long the next attempt is to wait at least.
        retry_after: Option<Duration>,
    },
    /// A run is gone, with everything it started.
    Exited {
        /// Which run.
        run: RunKey,
        /// How its process ended.
        exit: Exit,
        /// What it left.
        evidence: Evidence,
    },
    /// A deadline may have passed.
    Deadline,
    /// The wall clock was set.
    ClockMoved,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Ask for permission to launch; answered by [`Event::Admitted`].
    AskTurn,
    /// Give the permission back unused.
    YieldTurn,
    /// Spawn a process.
    Spawn {
        /// The run it is for.
        run: RunKey,
        /// What to launch.
        spec: Arc<WorkerSpec>,
        /// A JSON text for its task.
        input: Option<String>,
    },
    /// The run has shown life: its permission goes to the next worker.
    ShowedLife(RunKey),
    /// Ask a run to end.
    Stop {
        /// Which.
        run: RunKey,
        /// By this signal, to its group.
        signal: i32,
        /// How long it may take; the run is told so on its channel.
        timeout: Duration,
    },
    /// End everything of a run at once.
    Kill(RunKey),
    /// Hand a run an input: a JSON text.
    Deliver {
        /// Which.
        run: RunKey,
        /// A JSON text.
        input: String,
    },
    /// Write a line about the worker.
    Log(Level, String),
    /// The worker is gone and has no run.
    Gone,
}

/// How serious a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info,
    /// Something failed.
    Warn,
}
