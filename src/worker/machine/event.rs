//! The input and output of a machine: events that happen, effects to carry out.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::domain::{
    Evidence, Exit, InstanceName, Probe, ProbeAnswer, RunId, StopPolicy, WorkerSpec,
};

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
        /// What that means for the next try.
        failure: SpawnFailure,
    },
    /// A run says that it is ready.
    SaidReady(RunKey),
    /// A run printed a line that `start.ready_line` matches.
    PrintedReadyLine(RunKey),
    /// The probe of a run was asked; answers [`Effect::Probe`].
    Probed {
        /// Which run.
        run: RunKey,
        /// The number of the question.
        number: u64,
        /// What came of it.
        answer: ProbeAnswer,
    },
    /// A run's task has been called: from now on it is a task, not a script.
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
    /// A run has so much memory resident, in bytes, under this limit that the kernel does not hold.
    MemorySeen {
        /// Which run.
        run: RunKey,
        /// What it has.
        used: u64,
        /// What it may have.
        limit: u64,
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

/// What it means for the next try that a run could not be spawned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnFailure {
    /// It fails again until somebody mends the cause.
    Lasting,
    /// The operating system has no process to spare; it may have one in a moment.
    Shortage,
    /// It did not come to an end in time, as on a disk that does not answer.
    Hang,
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
    /// Ask whether a run works; answered by [`Event::Probed`]. Of each run, only the last question
    /// counts.
    Probe {
        /// Which run.
        run: RunKey,
        /// The number of the question.
        number: u64,
        /// What to ask.
        probe: Arc<Probe>,
    },
    /// Ask a run to end, also one that has no process yet: its launch may hang.
    Stop {
        /// Which.
        run: RunKey,
        /// How, and how long it may take; the run gets this message on its channel.
        policy: StopPolicy,
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
    /// Send a signal to the first process of a run.
    Signal {
        /// Which.
        run: RunKey,
        /// The number of the signal.
        signal: i32,
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
