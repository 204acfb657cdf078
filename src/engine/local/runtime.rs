//! The local runtime itself: takes orders from the engine and hands them to the workers' tasks.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use tokio::sync::{oneshot, watch};
use tokio_util::task::TaskTracker;

use super::{
    context::{Context, Phase, RunIds, Slot, StopOrder, WorkerRequest, WorkerTarget},
    launch_limiter::LaunchLimiter,
    packages::Preparer,
    sync::{latest::Latest, mailbox::Mailbox},
    task::Task,
};
use crate::{
    domain::{Command, Concurrency, Usage, WorkerId, WorkerSpec},
    engine::{
        blocking::on_disk,
        command::CommandError,
        runtime::{Packages, Pending, Preparation, Runtime, RuntimeContext},
    },
    process::{self, LaunchTurn, Spawner},
};

/// Requests that may wait for one worker: its task answers each at once, so that a few are plenty.
const REQUESTS: usize = 16;

/// More runs than this are measured on a thread of their own: reading what 64 runs use takes about
/// a millisecond, and the threads of tokio have workers to look after.
const MEASURED_INLINE: usize = 64;

/// Starts the local runtime.
///
/// # Errors
/// The machine has no thread, descriptor or signal handler for the spawner.
pub(in crate::engine) fn start(context: RuntimeContext) -> io::Result<Arc<dyn Runtime>> {
    let (phase, phase_receiver) = watch::channel(Phase::Running);
    let context = Arc::new(Context {
        board: context.board,
        logs: context.logs,
        state: context.state,
        spawner: Spawner::start()?,
        launch_limiter: LaunchLimiter::new(context.concurrency),
        run_ids: RunIds::new(context.instance).into(),
        address: context.address,
        phase: phase_receiver,
        clock: context.clock_jumps,
        rescan: context.rescan,
        tracker: TaskTracker::new(),
        slots: BTreeMap::new().into(),
        stopping_in_turn: BTreeSet::new().into(),
    });
    let preparer = Arc::new(Preparer::new(Arc::clone(&context)));
    Ok(Arc::new(LocalRuntime { context, phase, preparer }))
}

/// Ends every process that the runs of an arcanos left when it died. Returns how many there were.
///
/// `instance` is the id of that arcanos. Call it before anything of this one is started.
pub async fn end_leftovers(instance: String) -> usize {
    let ended = tokio::task::spawn_blocking(move || process::end_leftovers(&instance));
    ended.await.unwrap_or_default()
}

/// Gives memory back to the system that only the past needed. Takes about a millisecond.
pub(in crate::engine) fn give_memory_back() {
    process::give_memory_back();
}

/// Workers as child processes.
struct LocalRuntime {
    context: Arc<Context>,
    phase: watch::Sender<Phase>,
    preparer: Arc<Preparer>,
}

impl LocalRuntime {
    async fn ask(
        &self,
        id: &WorkerId,
        command: Command,
        order: StopOrder,
    ) -> Result<u64, CommandError> {
        if self.context.is_ending() {
            return Err(CommandError::Stopping);
        }
        if command == Command::Stop {
            self.context.set_launch_problem(id, None);
        }
        let unknown = || CommandError::Unknown(id.to_string());
        let requests = self.context.slots().get(id).map(|slot| Arc::clone(&slot.requests));
        let (answer, reply) = oneshot::channel();
        let put = requests.ok_or_else(unknown)?.put(WorkerRequest { command, order, answer }).await;
        put.map_err(|_| unknown())?;
        reply.await.map_err(|_| unknown())?
    }

    /// The process of a worker's run, while it has one.
    fn pid(&self, id: &WorkerId) -> Option<u32> {
        let view = self.context.board.worker(id)?;
        view.instance.as_ref()?.as_str().parse().ok()
    }
}

impl Runtime for LocalRuntime {
    fn observe(&self) -> Vec<Arc<WorkerSpec>> {
        let slots = self.context.slots();
        let spec = |target: &WorkerTarget| match target {
            WorkerTarget::Present(spec) => Some(Arc::clone(spec)),
            WorkerTarget::Absent => None,
        };
        slots.values().filter_map(|slot| slot.target.with(spec)).collect()
    }

    fn ensure(&self, spec: Arc<WorkerSpec>) {
        if self.context.is_ending() {
            return;
        }
        self.context.set_launch_problem(&spec.id, None);
        let mut slots = self.context.slots();
        if let Some(slot) = slots.get(&spec.id) {
            slot.target.set(WorkerTarget::Present(spec));
            return;
        }
        let target = Arc::new(Latest::new(WorkerTarget::Present(Arc::clone(&spec))));
        let requests = Arc::new(Mailbox::new(REQUESTS));
        let turn = LaunchTurn::default();
        let slot = Slot { target: Arc::clone(&target), requests: Arc::clone(&requests), turn };
        slots.insert(spec.id.clone(), slot);
        drop(slots);
        let task = Task::new(Arc::clone(&self.context), spec, target, requests);
        self.context.tracker.spawn(Box::new(task).run());
    }

    fn remove(&self, id: &WorkerId) {
        if let Some(slot) = self.context.slots().get(id) {
            slot.target.set(WorkerTarget::Absent);
        }
    }

    fn command<'a>(
        &'a self,
        id: &'a WorkerId,
        command: Command,
    ) -> Pending<'a, Result<u64, CommandError>> {
        if matches!(command, Command::Restart | Command::Start) {
            on_disk(|| self.preparer.retry());
        }
        Box::pin(self.ask(id, command, StopOrder::AtOnce))
    }

    fn stop_in_turn<'a>(&'a self, id: &'a WorkerId) -> Pending<'a, Result<u64, CommandError>> {
        Box::pin(self.ask(id, Command::Stop, StopOrder::InTurn))
    }

    fn usage<'a>(&'a self, workers: &'a [WorkerId]) -> Pending<'a, Vec<Option<Usage>>> {
        let pids: Vec<Option<u32>> = workers.iter().map(|id| self.pid(id)).collect();
        Box::pin(async move {
            let count = pids.len();
            let measure = move || pids.into_iter().map(|pid| pid.and_then(usage_of)).collect();
            if count <= MEASURED_INLINE {
                return measure();
            }
            // It fails only when tokio ends; then nobody reads the answer.
            tokio::task::spawn_blocking(measure).await.unwrap_or_else(|_| vec![None; count])
        })
    }

    fn set_concurrency(&self, limit: Concurrency) {
        self.context.launch_limiter.set_limit(limit);
    }

    fn prepare(&self, packages: Option<Packages>) -> Preparation {
        self.preparer.look(packages)
    }

    fn retry_packages(&self) {
        self.preparer.retry();
    }

    fn admit(&self) {
        self.preparer.admit();
    }

    fn shut_down(&self) -> Pending<'_, ()> {
        self.phase.send_if_modified(|phase| {
            let is_later = *phase < Phase::Stopping;
            *phase = (*phase).max(Phase::Stopping);
            is_later
        });
        Box::pin(async {
            self.context.tracker.close();
            self.context.tracker.wait().await;
        })
    }

    fn kill(&self) {
        self.phase.send_replace(Phase::Killing);
    }
}

fn usage_of(pid: u32) -> Option<Usage> {
    let used = process::usage(pid)?;
    Some(Usage {
        memory_bytes: used.memory_bytes,
        cpu_seconds: used.cpu_seconds,
        is_stalled: used.is_stopped,
    })
}
