//! Shared state of the tasks of all workers and runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher as _, RandomState},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use tokio_util::task::TaskTracker;

use super::{
    launch_limiter::LaunchLimiter,
    sync::{latest::Latest, mailbox::Mailbox},
};
use crate::{
    domain::{Command, RunId, WorkerId, WorkerSpec},
    engine::{board::Board, command::CommandError},
    files::{Rescan, logs::Logs, state::StateDir},
    process::{LaunchTurn, Spawner},
    sync::lock,
};

/// Whether arcanos ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// It does not end.
    Running,
    /// All runs are asked to end.
    Stopping,
    /// All runs are killed.
    Killing,
}

/// A seed that differs between workers and between starts, so that restarts of many workers spread.
pub(super) fn seed_of(worker: &WorkerId) -> u64 {
    RandomState::new().hash_one(worker.as_str())
}

/// What the tasks share.
pub(super) struct Context {
    pub(super) board: Arc<Board>,
    pub(super) logs: Logs,
    pub(super) state: Arc<StateDir>,
    pub(super) spawner: Spawner,
    pub(super) launch_limiter: LaunchLimiter,
    pub(super) run_ids: Mutex<RunIds>,
    /// Where the status server listens.
    pub(super) address: watch::Receiver<Option<SocketAddr>>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) clock: watch::Receiver<u64>,
    /// Makes the reconciler compare what should run with what does, though the disk has not
    /// changed.
    pub(super) rescan: Rescan,
    /// Owns every task of every worker and run.
    pub(super) tracker: TaskTracker,
    pub(super) slots: Mutex<BTreeMap<WorkerId, Slot>>,
    /// Workers with a run that a stop of all workers has reached, until their runs are gone.
    pub(super) stopping_in_turn: Mutex<BTreeSet<WorkerId>>,
}

/// The ids of runs that are still to come. Plain data: an upgrade in place must hand it on, so that
/// no id is given twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunIds {
    /// The id of this arcanos, with which the ids of its runs begin.
    pub(super) instance: String,
    /// The number of the next run, from 1.
    pub(super) next: u64,
}

/// What a worker should be.
#[derive(Clone)]
pub(super) enum WorkerTarget {
    Present(Arc<WorkerSpec>),
    Absent,
}

/// A person's request, with the way back of its answer: the epoch that will show it done.
pub(super) struct WorkerRequest {
    pub(super) command: Command,
    pub(super) order: StopOrder,
    pub(super) answer: oneshot::Sender<Result<u64, CommandError>>,
}

/// When a stop is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopOrder {
    /// As soon as it is asked for.
    AtOnce,
    /// After the stops of the workers that were launched after this one.
    InTurn,
}

/// The ways to a worker's task.
pub(super) struct Slot {
    pub(super) target: Arc<Latest<WorkerTarget>>,
    pub(super) requests: Arc<Mailbox<WorkerRequest>>,
    /// The turn that its runs launch in.
    pub(super) turn: LaunchTurn,
}

impl Slot {
    /// Whether its worker is launched after this one, and ends before it.
    fn is_after(&self, id: &WorkerId) -> bool {
        self.target.with(|target| match target {
            WorkerTarget::Present(spec) => spec.policy.after.contains(id),
            WorkerTarget::Absent => false,
        })
    }
}

impl RunIds {
    /// The ids of the runs of a new arcanos.
    pub(super) fn new(instance: String) -> Self {
        Self { instance, next: 1 }
    }

    fn take(&mut self) -> RunId {
        let id = RunId::new(&self.instance, self.next);
        self.next += 1;
        id
    }
}

impl Context {
    /// The id of a new run.
    pub(super) fn new_run(&self) -> RunId {
        lock(&self.run_ids).take()
    }

    pub(super) fn slots(&self) -> MutexGuard<'_, BTreeMap<WorkerId, Slot>> {
        lock(&self.slots)
    }

    /// Shows among the problems of `/health` what keeps a launch of this worker, or nothing any more.
    pub(super) fn set_launch_problem(&self, id: &WorkerId, problem: Option<String>) {
        self.board.set_problem(&format!("launch {id}"), problem);
    }

    /// The turn that the runs of a worker launch in.
    pub(super) fn launch_turn(&self, id: &WorkerId) -> LaunchTurn {
        self.slots().get(id).map(|slot| slot.turn.clone()).unwrap_or_default()
    }

    /// Whether arcanos ends.
    pub(super) fn is_ending(&self) -> bool {
        *self.phase.borrow() != Phase::Running
    }

    /// Whether a worker that was launched after this one is not gone yet.
    pub(super) fn has_dependants(&self, id: &WorkerId) -> bool {
        self.slots().values().any(|slot| slot.is_after(id))
    }

    /// The workers with a run that a stop of all workers has reached.
    pub(super) fn stopping_in_turn(&self) -> MutexGuard<'_, BTreeSet<WorkerId>> {
        lock(&self.stopping_in_turn)
    }

    /// Whether a stop of all workers has reached a worker that was launched after this one, and has
    /// not ended its run yet.
    pub(super) fn has_stopping_dependants(&self, id: &WorkerId) -> bool {
        let slots = self.slots();
        let stopping = self.stopping_in_turn();
        stopping.iter().filter_map(|other| slots.get(other)).any(|slot| slot.is_after(id))
    }

    /// Forgets a worker whose task has nothing left to do. Returns `false` if the worker is wanted
    /// again: its file came back while its last run ended. Then the task must go on.
    pub(super) fn retire(&self, id: &WorkerId) -> bool {
        let mut slots = self.slots();
        let is_present = |target: &WorkerTarget| matches!(target, WorkerTarget::Present(_));
        let is_wanted = slots.get(id).is_some_and(|slot| slot.target.with(is_present));
        if is_wanted && !self.is_ending() {
            return false;
        }
        slots.remove(id);
        drop(slots);
        self.set_launch_problem(id, None);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_go_on_where_they_were_saved() {
        let mut ids = RunIds::new("3f2a".to_owned());
        assert_eq!(ids.take().as_str(), "3f2a-1");
        let saved = serde_json::to_string(&ids).expect("plain data");
        let mut restored: RunIds = serde_json::from_str(&saved).expect("what was written");
        assert_eq!(restored.take().as_str(), "3f2a-2");
    }
}
