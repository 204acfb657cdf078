//! Runs workers as children of this process.
//!
//! Each worker has one task, which alone starts, signals and reaps its runs ([`task`]); each
//! run has one, which waits for its process and moves what comes out of it ([`run`]).
//!
//! Channels, all from here to a worker's task: `target`, a [`Latest`] on what it should be; `requests`,
//! an [`Mailbox`] of what people ask, each with its answer's way back.
//! To all of them: `phase`, a `watch` of whether arcanos ends, and `clock`, a `watch` of how often
//! the wall clock was set.

pub(super) mod launch_limiter;
mod panic_cleanup;
mod run;
mod sync;
mod task;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{oneshot, watch};
use tokio_util::task::TaskTracker;

use self::{
    launch_limiter::LaunchLimiter,
    sync::{latest::Latest, mailbox::Mailbox},
};

use crate::{
    domain::{Command, RunId, State, Usage, WorkerId, WorkerSpec},
    engine::{
        board::Board,
        command::CommandError,
        runtime::{Pending, Runtime},
    },
    files::{Rescan, logs::Logs},
    process::{self, Spawner},
    sync::lock,
};

/// Requests that may wait for one worker: its task answers each at once, so that a few are
/// plenty.
const REQUESTS: usize = 16;

/// Whether arcanos ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It does not.
    Running,
    /// All runs are asked to end.
    Stopping,
    /// All runs are killed.
    Killing,
}

/// What the tasks of all workers share.
pub(crate) struct Context {
    pub(crate) board: Arc<Board>,
    pub(crate) logs: Logs,
    pub(crate) spawner: Spawner,
    pub(crate) launch_limiter: LaunchLimiter,
    /// The name of this instance of arcanos: the beginning of the names of its runs.
    pub(crate) instance: String,
    /// Where the status server listens.
    pub(crate) address: watch::Receiver<Option<SocketAddr>>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) clock: watch::Receiver<u64>,
    /// Has what should run compared with what does, though the disk is as it was.
    pub(crate) rescan: Rescan,
    /// Owns every task of every worker and run.
    pub(crate) tracker: TaskTracker,
}

/// Workers as children.
pub(crate) struct Local {
    context: Arc<Context>,
    next_run: AtomicU64,
    slots: Mutex<BTreeMap<WorkerId, Slot>>,
}

/// What a worker should be.
#[derive(Clone)]
enum Target {
    Present(Arc<WorkerSpec>),
    Absent,
}

/// A person's request with the way back of its answer: the epoch that will show it done.
struct Request {
    command: Command,
    answer: oneshot::Sender<Result<u64, CommandError>>,
}

struct Slot {
    target: Arc<Latest<Target>>,
    requests: Arc<Mailbox<Request>>,
}

impl Local {
    pub(crate) fn new(context: Context) -> Arc<Self> {
        Arc::new(Self {
            context: Arc::new(context),
            next_run: AtomicU64::new(1),
            slots: Mutex::default(),
        })
    }

    fn new_run(&self) -> RunId {
        RunId::new(&self.context.instance, self.next_run.fetch_add(1, Ordering::Relaxed))
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<WorkerId, Slot>> {
        lock(&self.slots)
    }

    /// Says that a worker's task has nothing left to do. `false` if it is wanted again: then the
    /// task goes on.
    fn retire(&self, id: &WorkerId) -> bool {
        let mut slots = self.slots();
        let is_ending = *self.context.phase.borrow() != Phase::Running;
        let is_present = |target: &Target| matches!(target, Target::Present(_));
        let is_wanted = slots.get(id).is_some_and(|slot| slot.target.look(is_present));
        if is_wanted && !is_ending {
            return false;
        }
        slots.remove(id);
        true
    }

    async fn ask(&self, id: &WorkerId, command: Command) -> Result<u64, CommandError> {
        if *self.context.phase.borrow() != Phase::Running {
            return Err(CommandError::Stopping);
        }
        let unknown = || CommandError::Unknown(id.to_string());
        let requests = self.slots().get(id).map(|slot| Arc::clone(&slot.requests));
        let (answer, reply) = oneshot::channel();
        let put = requests.ok_or_else(unknown)?.put(Request { command, answer }).await;
        put.map_err(|_| unknown())?;
        reply.await.map_err(|_| unknown())?
    }
}

/// The runtime as the engine holds it: the worker tasks need an `Arc` of it too.
pub(crate) struct LocalRuntime(pub(crate) Arc<Local>);

impl Runtime for LocalRuntime {
    fn observe(&self) -> Vec<Arc<WorkerSpec>> {
        let slots = self.0.slots();
        let spec = |target: &Target| match target {
            Target::Present(spec) => Some(Arc::clone(spec)),
            Target::Absent => None,
        };
        slots.values().filter_map(|slot| slot.target.look(spec)).collect()
    }

    fn ensure(&self, spec: Arc<WorkerSpec>) {
        let mut slots = self.0.slots();
        if let Some(slot) = slots.get(&spec.id) {
            slot.target.say(Target::Present(spec));
            return;
        }
        let target = Arc::new(Latest::new(Target::Present(Arc::clone(&spec))));
        let requests = Arc::new(Mailbox::new(REQUESTS));
        let slot = Slot { target: Arc::clone(&target), requests: Arc::clone(&requests) };
        slots.insert(spec.id.clone(), slot);
        drop(slots);
        let task = task::Task::new(Arc::clone(&self.0), spec, target, requests);
        self.0.context.tracker.spawn(Box::new(task).run());
    }

    fn remove(&self, id: &WorkerId) {
        if let Some(slot) = self.0.slots().get(id) {
            slot.target.say(Target::Absent);
        }
    }

    fn command<'a>(
        &'a self,
        id: &'a WorkerId,
        command: Command,
    ) -> Pending<'a, Result<u64, CommandError>> {
        Box::pin(self.0.ask(id, command))
    }

    fn restart_all(&self) -> Pending<'_, Result<(), CommandError>> {
        Box::pin(async move {
            let snapshot = self.0.context.board.snapshot();
            for (id, view) in &snapshot.workers {
                if view.state == State::Stopped {
                    continue;
                }
                // One that was removed or disabled meanwhile has nothing to restart.
                if let Err(CommandError::Stopping) = self.0.ask(id, Command::Restart).await {
                    return Err(CommandError::Stopping);
                }
            }
            Ok(())
        })
    }

    fn usage(&self, id: &WorkerId) -> Option<Usage> {
        let pid = self.0.context.board.worker(id)?.pid?;
        let used = process::usage(pid)?;
        Some(Usage {
            memory_bytes: used.memory_bytes,
            cpu_seconds: used.cpu_seconds,
            is_stalled: used.is_stopped,
        })
    }
}
