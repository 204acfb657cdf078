//! The leader of a run: the child that arcanos spawned, until it is reaped; and what is passed on
//! the way from the request for it to its handle.

use std::{
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::process::{Pid, Signal, kill_process_group, pidfd_send_signal};
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};

use super::{
    cgroup::RunGroup,
    command::SpawnError,
    launch_turn::TakenTurn,
    lookup::Found,
    memory::MemoryWatch,
    reaper::Reaper,
    sys::{self, Ending},
};
use crate::domain::{Exit, RunId};

/// The threads that spawn and reap. Every run keeps them alive: the end of a spawning thread
/// would kill its children.
pub(super) struct SpawnerInner {
    pub(super) requests: mpsc::Sender<SpawnRequest>,
    pub(super) reaper: Arc<Reaper>,
    /// The task that passes SIGCHLD on to the reaper.
    pub(super) signals: AbortHandle,
}

/// A process that somebody wants.
pub(super) struct SpawnRequest {
    pub(super) found: Found,
    pub(super) turn: TakenTurn,
    pub(super) spawner: Arc<SpawnerInner>,
    pub(super) reply: oneshot::Sender<Result<Launched, SpawnError>>,
}

/// A child before a runtime watches it. Dropping it kills it.
pub(super) struct Launched {
    pub(super) leader: Leader,
    pub(super) ends: Ends,
    pub(super) memory: Option<MemoryWatch>,
    pub(super) warnings: Vec<String>,
}

/// One side of all that a run is connected by.
pub(super) struct Ends {
    /// Ours is written to by nobody; `None` is `/dev/null`.
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    pub(super) channel: Option<OwnedFd>,
}

/// A child that is not reaped. Dropping it kills its run, and leaves the reaping to the reaper.
pub(super) struct Leader {
    pub(super) run: RunId,
    pub(super) pid: Pid,
    pub(super) pidfd: Arc<OwnedFd>,
    pub(super) cgroup: Option<RunGroup>,
    pub(super) spawner: Arc<SpawnerInner>,
    /// Whether somebody has taken its exit: from then on its id may be anybody's.
    pub(super) is_reaped: AtomicBool,
}

impl Leader {
    /// Signals its group; itself, if it has left that. Does nothing once it is reaped.
    pub(super) fn signal(&self, signal: Signal) {
        // Once it is reaped, the kernel may give its id to a stranger.
        if self.is_reaped.load(Ordering::Acquire) {
            return;
        }
        // A leader that moved to another group is still the one that was meant.
        if kill_process_group(self.pid, signal).is_err() {
            let _ = pidfd_send_signal(&*self.pidfd, signal);
        }
    }

    /// Signals the leader alone. Does nothing once it is reaped.
    pub(super) fn signal_alone(&self, signal: Signal) {
        if !self.is_reaped.load(Ordering::Acquire) {
            let _ = pidfd_send_signal(&*self.pidfd, signal);
        }
    }

    /// Kills its group, itself and its cgroup. What has left all of these is the reaper's.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
        self.signal_alone(Signal::KILL);
        if let Some(cgroup) = &self.cgroup {
            cgroup.kill();
        }
    }

    /// Takes the end of the leader, if it is dead. There is no await between taking and keeping.
    pub(super) fn try_reap(&self) -> Option<Ending> {
        let ending = sys::reap(self.pidfd.as_fd()).unwrap_or_else(|error| {
            tracing::error!(pid = self.pid.as_raw_pid(), %error, "The exit of a run was lost.");
            Some(Ending { exit: Exit::Code(255), peak_memory: 0 })
        })?;
        self.is_reaped.store(true, Ordering::Release);
        Some(ending)
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if !self.is_reaped.load(Ordering::Acquire) {
            self.kill();
            let leader = Arc::clone(&self.pidfd);
            self.spawner.reaper.abandon(self.run.clone(), leader);
        }
    }
}

impl Drop for SpawnerInner {
    fn drop(&mut self) {
        self.signals.abort();
        self.reaper.stop();
    }
}
