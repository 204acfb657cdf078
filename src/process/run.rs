//! The handle of a run's process: signals it, waits for its exit, and ends all that it started.

use std::{os::fd::OwnedFd, sync::Arc, time::Duration};

use rustix::process::Signal;
use tokio::io::unix::AsyncFd;

use super::{
    leader::Leader,
    proc::{self, Usage},
    reaper::SWEEP_LIMIT,
    sys::{self, Ending},
};
use crate::{domain::Exit, procfs};

/// How often a dead leader is asked for again whose debugger has not let go of it yet.
const TRACED_RETRY: Duration = Duration::from_millis(10);

/// A run's process, with everything that it started.
///
/// Dropping it before [`Process::exited`] has returned kills the run; it is reaped elsewhere.
pub struct Process {
    ready: AsyncFd<Arc<OwnedFd>>,
    leader: Leader,
    exit: Option<Exit>,
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

    /// Sends a signal to the run's group. Does nothing once the run has exited.
    ///
    /// An unknown number is sent as SIGTERM.
    pub fn signal_group(&self, signal: i32) {
        self.leader.signal(Signal::from_named_raw(signal).unwrap_or(Signal::TERM));
    }

    /// Asks the run to end: the signal, and SIGCONT, so that a stopped process acts on it.
    pub fn ask_to_stop(&self, signal: i32) {
        self.signal_group(signal);
        self.leader.signal(Signal::CONT);
    }

    /// Kills the run's group, and its cgroup if it has one. What left the group dies when
    /// [`Process::exited`] sees the leader dead.
    pub fn kill(&self) {
        self.leader.kill();
    }

    /// Waits until the leader has exited and everything else of the run is dead.
    ///
    /// What the run left behind, in its group or outside, is killed; a process that the kernel
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

    /// Whether the process is stopped by a signal (or a debugger).
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.exit.is_none() && procfs::stat(self.pid()).is_some_and(|stat| stat.is_stopped())
    }

    /// What the run uses now; `None` once it has exited. See [`usage`](super::usage).
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        if self.exit.is_some() {
            return None;
        }
        proc::usage(self.pid())
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
