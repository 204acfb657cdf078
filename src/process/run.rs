//! The handle of a run's process: signals it, waits for its exit, and ends all that it started.

use std::{os::fd::OwnedFd, sync::Arc, time::Duration};

use rustix::process::Signal;
use tokio::io::unix::AsyncFd;

use super::{
    leader::Leader,
    proc,
    reaper::SWEEP_LIMIT,
    sys::{self, Ending},
};
use crate::{
    domain::{Exit, StopTarget},
    procfs,
};

/// How often a dead leader is asked for again whose debugger has not let go of it yet.
const TRACED_RETRY: Duration = Duration::from_millis(10);

/// The first pause between two looks at what a run has left that is being stopped; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest such pause: how much later than its end the next run may begin.
const LONGEST_PAUSE: Duration = Duration::from_millis(80);

/// A run's process, with everything that it started.
///
/// Dropping it before [`Process::exited`] has returned kills the run; it is reaped elsewhere.
pub struct Process {
    ready: AsyncFd<Arc<OwnedFd>>,
    leader: Leader,
    exit: Option<Exit>,
    /// Whether it was asked to end: then what it leaves is waited for, and not killed at once.
    is_stopping: bool,
    is_killed: bool,
    /// The signal for those that have left the group, until they get it.
    unsent: Option<Signal>,
    remaining: usize,
    left_behind: usize,
    ran_out_of_memory: bool,
    peak_memory: Option<u64>,
}

impl Process {
    pub(super) fn new(leader: Leader) -> std::io::Result<Self> {
        Ok(Self {
            ready: sys::watch(Arc::clone(&leader.pidfd))?,
            leader,
            exit: None,
            is_stopping: false,
            is_killed: false,
            unsent: None,
            remaining: 0,
            left_behind: 0,
            ran_out_of_memory: false,
            peak_memory: None,
        })
    }

    /// The id of the process, which is the id of its group too.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.leader.pid.as_raw_pid().cast_unsigned()
    }

    /// From now on the run is being stopped: [`Process::exited`] waits for all that it started.
    pub const fn begin_stop(&mut self) {
        self.is_stopping = true;
    }

    /// Sends a signal to the run's first process alone. Does nothing once the run has exited.
    ///
    /// A number that is not a signal is not sent.
    pub fn signal_leader(&self, signal: i32) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            self.leader.signal_alone(signal);
        }
    }

    /// Asks the run to end: the signal, and SIGCONT, so that a stopped process acts on it.
    ///
    /// What has left the group gets the signal too, unless it is for the leader alone, but only
    /// once the leader is dead: before that it is the leader's business.
    pub fn ask_to_stop(&mut self, signal: i32, to: StopTarget) {
        self.begin_stop();
        let signal = named(signal);
        match to {
            StopTarget::Group => {
                self.unsent = Some(signal);
                self.leader.signal(signal);
                self.leader.signal(Signal::CONT);
            }
            StopTarget::Main => {
                self.leader.signal_alone(signal);
                self.leader.signal_alone(Signal::CONT);
            }
        }
    }

    /// Kills the run's group, and its cgroup if it has one. What left the group dies when
    /// [`Process::exited`] sees the leader dead.
    pub fn kill(&mut self) {
        self.is_killed = true;
        self.leader.kill();
    }

    /// Waits until the leader has exited and everything else of the run is dead.
    ///
    /// What the run left behind, in its group or outside, is killed, at once or, while the run is
    /// being stopped, by [`Process::kill`], which whoever stops it calls in time; a process that the kernel
    /// cannot end is waited for 2 s at most, see [`Process::left_behind`]. Pipes play no part.
    ///
    /// # Cancel safety
    /// Nothing is lost; call it again. Once it has returned, it returns the same at once.
    pub async fn exited(&mut self) -> Exit {
        if let Some(exit) = self.exit {
            return exit;
        }
        // An error here means that the runtime is shutting down: then what follows ends the run.
        let _ = self.ready.readable().await;
        // The zombie of the leader keeps the id of the group from being anybody else's.
        self.let_remains_end().await;
        self.leader.kill();
        self.left_behind = self.end_remains().await;
        let Ending { exit, peak_memory } = self.reap().await;
        let own = procfs::status_bytes("self", "VmHWM").unwrap_or(u64::MAX);
        self.peak_memory = Some(peak_memory).filter(|peak| *peak > own);
        if let Some(cgroup) = self.leader.cgroup.take() {
            self.ran_out_of_memory = cgroup.ran_out_of_memory();
            cgroup.remove();
        }
        self.exit = Some(exit);
        exit
    }

    /// How many processes of the run were still there when [`Process::exited`] gave up on them.
    #[must_use]
    pub const fn left_behind(&self) -> usize {
        self.left_behind
    }

    /// How many processes outlived the leader of a run that was being stopped, until they were
    /// killed. Known once it has exited.
    #[must_use]
    pub const fn killed_remains(&self) -> usize {
        self.remaining
    }

    /// Whether the run met its memory limit. Known once it has exited, and only with a limit.
    #[must_use]
    pub const fn ran_out_of_memory(&self) -> bool {
        self.ran_out_of_memory
    }

    /// The most memory that one process of the run ever held, in bytes; of those that are not the
    /// leader, only one that was waited for counts. Known once it has exited, and only if it is
    /// more than arcanos held: a process begins as a part of arcanos.
    #[must_use]
    pub const fn peak_memory(&self) -> Option<u64> {
        self.peak_memory
    }

    /// While the run is being stopped: waits until what the leader left has ended by itself, or was
    /// killed. A wrapper (`npx`, `sh -c`) dies of the group's signal before the program does that
    /// it runs, and that program may need its time.
    async fn let_remains_end(&mut self) {
        let mut pause = FIRST_PAUSE;
        while self.is_stopping && !self.is_killed {
            self.remaining = self.count_remains().await;
            if self.remaining == 0 {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn count_remains(&mut self) -> usize {
        if proc::adopted().is_none_or(|orphans| orphans.is_empty()) {
            return 0;
        }
        let signal = self.unsent.take();
        let answer = self.leader.spawner.reaper.count(&self.leader.run, self.leader.pid, signal);
        let answer = tokio::time::timeout(SWEEP_LIMIT + SWEEP_LIMIT / 4, answer).await;
        // A reaper that is held up does not know: then they are waited for.
        answer.map_or(1, |left| left.unwrap_or(0))
    }

    async fn end_remains(&self) -> usize {
        // The kernel hands over the children of a process before it reports its death.
        if proc::adopted().is_none_or(|orphans| orphans.is_empty()) {
            return 0;
        }
        let answer = self.leader.spawner.reaper.sweep(&self.leader.run, self.leader.pid);
        // The reaper keeps its own deadline; this one is for a reaper that is itself held up.
        let answer = tokio::time::timeout(SWEEP_LIMIT + SWEEP_LIMIT / 4, answer).await;
        let left = answer.map_or(1, |left| left.unwrap_or(0));
        if left > 0 {
            tracing::warn!(run = %self.leader.run, left, "Processes of a run cannot be killed.");
        }
        left
    }

    async fn reap(&self) -> Ending {
        loop {
            if let Some(ending) = self.leader.try_reap() {
                return ending;
            }
            tokio::time::sleep(TRACED_RETRY).await;
        }
    }
}

fn named(signal: i32) -> Signal {
    Signal::from_named_raw(signal).unwrap_or(Signal::TERM)
}
