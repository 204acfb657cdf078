//! Brings the engine up, and down again.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    board::Board,
    clock,
    handle::{Handle, Request, Shared},
    local::{Context, Local, LocalRuntime, Phase, launch_limiter::LaunchLimiter},
    observe::{
        config_source::Source,
        observer::Observer,
        thread::{ObserverThread, PollSchedule},
    },
    reconcile::{
        packages::Preparer,
        reconciler::{Beginnings, OnConfig, Reconciler},
        upstream::UpstreamMonitor,
    },
    report::{ConfigReport, DiscoveryReport, ReloadCounters, ServerSettings},
};
use crate::{
    config::{Config, Loaded},
    domain::{AiStatus, ConfigStatus, DiscoveryStatus, Generation, Snapshot, Stamp},
    files::{Watcher, logs::Logs, state::StateDir},
    process::Spawner,
    sync::lock,
};

/// Requests to look at the disk that may wait: each is answered by the next look, so a few are
/// plenty.
const REQUESTS: usize = 16;

/// What the engine starts from.
pub struct Options {
    /// Where the config comes from; already looked at once.
    pub source: Source,
    /// What that look found.
    pub loaded: Loaded,
    /// The state directory, locked.
    pub state: Arc<StateDir>,
    /// The name of this instance: the beginning of the names of its runs.
    pub instance: String,
    /// The logs, open.
    pub logs: Logs,
    /// Spawns processes.
    pub spawner: Spawner,
    /// What is to be done with the logs when another config comes into force.
    pub on_config: OnConfig,
}

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The folder of workers can neither be found nor made.
    #[error("discovery.directory: `{path}` cannot be created: {source}")]
    Directory {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The rules do not compile.
    #[error("discovery.rules: {0}")]
    Rules(String),
    /// The machine has no thread to spare.
    #[error("cannot start the thread that follows the disk: {0}")]
    Thread(io::Error),
}

/// The running engine. Dropping it without [`Engine::shut_down`] leaves its tasks to the runtime.
pub struct Engine {
    handle: Handle,
    phase: watch::Sender<Phase>,
    stop: watch::Sender<bool>,
    end: CancellationToken,
    tracker: TaskTracker,
    reconciler: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Starts to follow the disk.
    ///
    /// # Errors
    /// If the folder of workers cannot be made, or changes cannot be followed as the config
    /// demands.
    pub async fn start(options: Options) -> Result<Self, EngineError> {
        make_directory(&options.loaded.config)?;
        let (phase, phase_seen) = watch::channel(Phase::Running);
        let (jumps, clock) = watch::channel(0);
        let (requests, request_queue) = mpsc::channel(REQUESTS);
        let (stop, stop_seen) = watch::channel(false);
        let (tracker, end) = (TaskTracker::new(), CancellationToken::new());
        let launch_limiter = LaunchLimiter::new(options.loaded.config.concurrency);
        let watcher = Watcher::new(options.loaded.config.discovery.watch);
        let shared = share(&options, requests, |board, address| Context {
            board,
            logs: options.logs.clone(),
            spawner: options.spawner.clone(),
            launch_limiter: launch_limiter.clone(),
            instance: options.instance.clone(),
            address,
            phase: phase_seen,
            clock,
            rescan: watcher.rescan(),
            tracker: tracker.clone(),
        });
        let beginnings = begin(options, &shared, (launch_limiter, watcher), &end).await?;
        let reconciler = Reconciler::new(Arc::clone(&shared), request_queue, beginnings);
        let reconciler = tokio::spawn(reconciler.run(stop_seen));
        tokio::spawn(follow_clock(jumps));
        tokio::spawn(follow_logs(Handle(Arc::clone(&shared)), end.clone()));
        Ok(Self {
            handle: Handle(shared),
            phase,
            stop,
            end,
            tracker,
            reconciler: Mutex::new(Some(reconciler)),
        })
    }

    /// A way to ask and to see.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Asks every run to end, side by side, and waits until all are gone. No request is taken any
    /// more. What was logged may not be on the disk yet: see [`Logs::flush`].
    pub async fn shut_down(&self) {
        self.stop.send_replace(true);
        let reconciler = lock(&self.reconciler).take();
        if let Some(reconciler) = reconciler {
            // It ends after the look that may be under way.
            let _ = reconciler.await;
        }
        self.phase.send_if_modified(|phase| {
            let is_later = *phase < Phase::Stopping;
            *phase = (*phase).max(Phase::Stopping);
            is_later
        });
        self.tracker.close();
        self.tracker.wait().await;
        self.end.cancel();
    }

    /// Kills every run at once; [`Engine::shut_down`] then ends soon.
    pub fn kill(&self) {
        self.phase.send_replace(Phase::Killing);
    }
}

/// What handles and the reconciler share, around a runtime of this context.
fn share(
    options: &Options,
    requests: mpsc::Sender<Request>,
    context: impl FnOnce(Arc<Board>, watch::Receiver<Option<SocketAddr>>) -> Context,
) -> Arc<Shared> {
    let (config, file) = (&options.loaded.config, options.source.file());
    let board = Arc::new(Board::new(first_snapshot(config, file)));
    let (address, address_seen) = watch::channel(None);
    let local = Local::new(context(Arc::clone(&board), address_seen));
    let discovery =
        DiscoveryReport { directory: config.discovery.directory.clone(), files: Arc::default() };
    Arc::new(Shared {
        board,
        logs: options.logs.clone(),
        runtime: Arc::new(LocalRuntime(local)),
        requests,
        config: watch::Sender::new(Arc::new(first_report(&options.loaded, file))),
        discovery: watch::Sender::new(Arc::new(discovery)),
        server: watch::Sender::new(Arc::new(ServerSettings::of(config))),
        address,
        reloads: ReloadCounters::default(),
        state: Arc::clone(&options.state),
        previewing: Arc::new(Semaphore::new(1)),
    })
}

/// What the reconciler starts from.
async fn begin(
    options: Options,
    shared: &Shared,
    (launch_limiter, watcher): (LaunchLimiter, Watcher),
    end: &CancellationToken,
) -> Result<Beginnings, EngineError> {
    let Options { source, loaded, state, instance, logs, spawner, on_config } = options;
    let config = Arc::new(loaded.config.clone());
    let mut model = UpstreamMonitor::new(Arc::clone(&shared.board), end.clone());
    let upstream = model.follow(&config).await;
    let file = source.file().to_owned();
    let observer = Observer::new(source, Arc::clone(&config)).map_err(EngineError::Rules)?;
    let pace = PollSchedule::of(&watcher, config.discovery.scan_interval, false);
    let observer_thread =
        ObserverThread::start(observer, watcher.rescan(), pace).map_err(EngineError::Thread)?;
    Ok(Beginnings {
        file,
        observer_thread,
        loaded,
        watcher,
        config,
        upstream,
        launch_limiter,
        model,
        preparer: Preparer::new(spawner, state, logs, instance),
        on_config,
    })
}

async fn follow_clock(jumps: watch::Sender<u64>) {
    if let Err(error) = clock::follow(jumps).await {
        tracing::debug!(%error, "Jumps of the clock cannot be noticed.");
    }
}

/// Shows what is wrong with the logs.
async fn follow_logs(handle: Handle, end: CancellationToken) {
    let mut changes = handle.logs().problem_changes();
    while let Some(Ok(())) = end.run_until_cancelled(changes.changed()).await {
        let problems = handle.logs().problems();
        handle.set_problem("log", (!problems.is_empty()).then(|| problems.join("; ")));
    }
}

fn make_directory(config: &Config) -> Result<(), EngineError> {
    let path = &config.discovery.directory;
    if path.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(path)
        .map_err(|source| EngineError::Directory { path: path.clone(), source })
}

fn first_snapshot(config: &Config, file: &std::path::Path) -> Snapshot {
    Snapshot {
        generation: Generation(0),
        workers: std::collections::BTreeMap::new(),
        config: ConfigStatus { file: file.to_owned(), loaded_at: Stamp::now(), error: None },
        discovery: DiscoveryStatus {
            directory: config.discovery.directory.clone(),
            watcher: "starting".to_owned(),
            error: None,
        },
        ai: AiStatus::default(),
        problems: Vec::new(),
        environment: config.profile.clone(),
        session_log: config.log.session.clone(),
    }
}

fn first_report(loaded: &Loaded, file: &std::path::Path) -> ConfigReport {
    let sources = loaded.sources.iter().map(|(key, source)| (key.clone(), source.as_str()));
    ConfigReport {
        generation: Generation(0),
        file: file.to_owned(),
        profile: loaded.config.profile.clone(),
        config: loaded.effective.clone(),
        sources: sources.collect(),
        last_reload: None,
        reloads: VecDeque::new(),
    }
}
