//! The handle: how the server and the command line read the engine and send it requests.

use std::{collections::BTreeSet, fmt, net::SocketAddr, sync::Arc};

use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};

use crate::{
    domain::{
        Command, Event, Generation, ReloadReport, Snapshot, State, Usage, WorkerId, WorkerSpec,
        WorkerView,
    },
    engine::{
        board::Board,
        command::{CommandError, PreviewError, WorkerFailed},
        observe::preview::PlanPreview,
        report::{ConfigReport, DiscoveryReport, ReloadCounters, ServerSettings},
        runtime::Runtime,
    },
    files::{logs::Logs, state::StateDir},
};

/// What the reconciler is asked for.
pub(crate) enum ReconcileRequest {
    /// Read the disk now and report what came of it.
    Reload(oneshot::Sender<ReloadReport>),
    /// Hand out a copy of what the reconciler knows, from which a plan can be previewed.
    Preview(oneshot::Sender<PlanPreview>),
}

/// Everything behind a [`Handle`].
pub(crate) struct EngineShared {
    pub(crate) board: Arc<Board>,
    pub(crate) logs: Logs,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) requests: mpsc::Sender<ReconcileRequest>,
    /// Each is answered as long as the reconciler lives, also while it waits for the disk.
    pub(crate) beats: mpsc::Sender<oneshot::Sender<()>>,
    pub(crate) config: watch::Sender<Arc<ConfigReport>>,
    pub(crate) discovery: watch::Sender<Arc<DiscoveryReport>>,
    pub(crate) server: watch::Sender<Arc<ServerSettings>>,
    pub(crate) address: watch::Sender<Option<SocketAddr>>,
    pub(crate) reloads: ReloadCounters,
    pub(crate) state: Arc<StateDir>,
    /// Only one preview at a time: each costs as much as a pass of the reconciler.
    pub(crate) previewing: Arc<Semaphore>,
}

/// A handle of the engine. Cheap to clone; dropping it does nothing.
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<EngineShared>);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

/// A command that was accepted, to be waited for. Dropping it does not undo the command.
#[derive(Debug)]
pub struct Ticket {
    handle: Handle,
    worker: WorkerId,
    epoch: u64,
}

impl Handle {
    /// The snapshot of everything now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.board.snapshot()
    }

    /// One worker now.
    #[must_use]
    pub fn worker(&self, id: &WorkerId) -> Option<Arc<WorkerView>> {
        self.0.board.worker(id)
    }

    /// A number that grows with every change of the snapshot.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.board.changes()
    }

    /// The events after the one with this number, and a receiver of those to come. Without a
    /// number: only those to come. `None` for the past if part of it is forgotten.
    #[must_use]
    pub fn events(
        &self,
        after: Option<u64>,
    ) -> (Option<Vec<Arc<Event>>>, broadcast::Receiver<Arc<Event>>) {
        self.0.board.events(after)
    }

    /// The logs: to read the last lines and to follow.
    #[must_use]
    pub fn logs(&self) -> &Logs {
        &self.0.logs
    }

    /// The config in force.
    #[must_use]
    pub fn config(&self) -> Arc<ConfigReport> {
        Arc::clone(&self.0.config.borrow())
    }

    /// The verdicts on all files.
    #[must_use]
    pub fn discovery(&self) -> Arc<DiscoveryReport> {
        Arc::clone(&self.0.discovery.borrow())
    }

    /// How many reloads were applied and rejected.
    #[must_use]
    pub fn reloads(&self) -> &ReloadCounters {
        &self.0.reloads
    }

    /// What the status server must know of the config; changes with it.
    #[must_use]
    pub fn server_settings(&self) -> watch::Receiver<Arc<ServerSettings>> {
        self.0.server.subscribe()
    }

    /// What the run of each of these workers uses now, in their order; `None` for a worker without
    /// a run.
    pub async fn usage(&self, workers: &[WorkerId]) -> Vec<Option<Usage>> {
        self.0.runtime.usage(workers).await
    }

    /// Sends a command to one worker. Once it is accepted it is carried out, also if the caller
    /// goes away.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn command(&self, name: &str, command: Command) -> Result<Ticket, CommandError> {
        let id = WorkerId::parse(name).map_err(|_| CommandError::Unknown(name.to_owned()))?;
        let epoch = self.0.runtime.command(&id, command).await?;
        Ok(Ticket { handle: self.clone(), worker: id, epoch })
    }

    /// Sends a command to every worker that it concerns: a start to those that are at rest and do
    /// not wait for their schedule, a stop to those that are not stopped, a restart to those that
    /// are not stopped. A worker that was removed, disabled or barred has nothing to carry out.
    ///
    /// A stop keeps the order of `after`: a worker stops once those have that were launched after
    /// it.
    ///
    /// # Errors
    /// [`CommandError::Stopping`].
    pub async fn command_all(&self, command: &Command) -> Result<Vec<Ticket>, CommandError> {
        let mut tickets = Vec::new();
        let snapshot = self.snapshot();
        let concerned = snapshot.workers.values().filter(|view| concerns(command, view.state));
        let mut workers: Vec<WorkerId> = concerned.map(|view| view.id.clone()).collect();
        if *command == Command::Stop {
            workers = dependants_first(&workers, self.0.runtime.observe());
        }
        for worker in workers {
            let accepted = match command {
                Command::Stop => self.0.runtime.stop_in_turn(&worker).await,
                other => self.0.runtime.command(&worker, other.clone()).await,
            };
            match accepted {
                Ok(epoch) => tickets.push(Ticket { handle: self.clone(), worker, epoch }),
                Err(CommandError::Stopping) => return Err(CommandError::Stopping),
                Err(_) => {}
            }
        }
        Ok(tickets)
    }

    /// Reads config and folder now, and applies them.
    ///
    /// # Errors
    /// [`CommandError::Stopping`].
    pub async fn reload(&self) -> Result<ReloadReport, CommandError> {
        let (reply, report) = oneshot::channel();
        let sent = self.0.requests.send(ReconcileRequest::Reload(reply)).await;
        sent.map_err(|_| CommandError::Stopping)?;
        report.await.map_err(|_| CommandError::Stopping)
    }

    /// What a reload would do now; applies nothing. With the name of a draft, by that config
    /// instead of the one in force.
    ///
    /// # Errors
    /// There is no such draft, or arcanos is ending.
    pub async fn preview(&self, draft: Option<String>) -> Result<ReloadReport, PreviewError> {
        let stopping = || PreviewError::Stopping;
        let turn = Arc::clone(&self.0.previewing).acquire_owned().await.map_err(|_| stopping())?;
        let (reply, preview) = oneshot::channel();
        let sent = self.0.requests.send(ReconcileRequest::Preview(reply)).await;
        sent.map_err(|_| stopping())?;
        let preview = preview.await.map_err(|_| stopping())?;
        let state = Arc::clone(&self.0.state);
        let looked = tokio::task::spawn_blocking(move || {
            // Held to the end, also if the caller is gone: the work goes on without it.
            let _turn = turn;
            let draft = draft.map(|name| match state.draft(&name) {
                Ok(Some(draft)) => Ok(draft),
                Ok(None) | Err(_) => Err(PreviewError::NoDraft(name)),
            });
            Ok(preview.report(draft.transpose()?))
        });
        looked.await.map_err(|_| stopping())?
    }

    /// Waits for a sign of life of the reconciler, which it also gives while it waits for a disk.
    /// Returns `false` if it has ended.
    pub async fn beat(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        self.0.beats.send(reply).await.is_ok() && answer.await.is_ok()
    }

    /// The generation now.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.snapshot().generation
    }

    /// Shows what is wrong with something outside the engine, or that nothing is any more. `source`
    /// names it: one problem for each source.
    pub fn set_problem(&self, source: &str, problem: Option<String>) {
        self.0.board.set_problem(source, problem);
    }

    /// Sets where the status server listens; runs launched from now on get it as `ARCANOS_URL`.
    pub fn set_address(&self, address: Option<SocketAddr>) {
        self.0.address.send_replace(address);
    }
}

/// Whether a command to all workers is one to a worker in this state.
const fn concerns(command: &Command, state: State) -> bool {
    match command {
        Command::Start => !matches!(state, State::Running | State::Starting | State::Scheduled),
        Command::Stop | Command::Restart | Command::Run(_) | Command::Signal(_) => {
            !matches!(state, State::Stopped)
        }
    }
}

/// These workers, each behind all that are launched after it. Both lists are in order of ids.
fn dependants_first(workers: &[WorkerId], specs: Vec<Arc<WorkerSpec>>) -> Vec<WorkerId> {
    let lacks_spec = |id: &&WorkerId| specs.binary_search_by(|spec| spec.id.cmp(id)).is_err();
    let mut ordered: Vec<WorkerId> = workers.iter().filter(lacks_spec).cloned().collect();
    let mut rest = specs;
    rest.retain(|spec| workers.binary_search(&spec.id).is_ok());
    while !rest.is_empty() {
        let named: BTreeSet<WorkerId> =
            rest.iter().flat_map(|spec| spec.policy.after.iter().cloned()).collect();
        let (later, next): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|spec| named.contains(&spec.id));
        // While a new config is applied, old and new specs together may have a circle.
        let is_circle = next.is_empty();
        ordered.extend(next.iter().map(|spec| spec.id.clone()));
        rest = later;
        if is_circle {
            ordered.extend(rest.drain(..).map(|spec| spec.id.clone()));
        }
    }
    ordered
}

impl Ticket {
    /// Waits until the worker is up again, or has run to its end, or is stopped if that was the
    /// command.
    ///
    /// # Errors
    /// The state it is in instead, and why.
    pub async fn settled(self, command: &Command) -> Result<(), WorkerFailed> {
        let mut changes = self.handle.changes();
        loop {
            changes.mark_unchanged();
            if let Some(verdict) = self.verdict(command) {
                return verdict;
            }
            if changes.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    fn verdict(&self, command: &Command) -> Option<Result<(), WorkerFailed>> {
        let wants_stop = matches!(command, Command::Stop);
        let Some(view) = self.handle.worker(&self.worker) else {
            let reason = "its file was removed".to_owned();
            let gone = WorkerFailed { worker: self.worker.clone(), state: State::Stopped, reason };
            return Some(if wants_stop { Ok(()) } else { Err(gone) });
        };
        if view.epoch < self.epoch {
            return None;
        }
        match view.state {
            State::Starting | State::Stopping => None,
            State::Running if wants_stop => None,
            State::Running | State::Completed | State::Scheduled => Some(Ok(())),
            State::Stopped if wants_stop => Some(Ok(())),
            State::Backoff | State::Failed | State::Stopped => Some(Err(WorkerFailed {
                worker: self.worker.clone(),
                state: view.state,
                reason: view
                    .reason
                    .as_ref()
                    .map_or_else(|| "it was stopped".to_owned(), ToString::to_string),
            })),
        }
    }
}
