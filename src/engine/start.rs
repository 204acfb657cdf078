//! Start and shutdown of the engine.

use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    board::Board,
    clock,
    handle::{EngineShared, Handle, ReconcileRequest},
    local,
    local_zone::local_zone_problem,
    observe::{
        config_source::Source,
        disk_timer::DiskTimer,
        observer::Observer,
        thread::{ObserverThread, PollSchedule, Tools},
    },
    reconcile::{
        reconciler::{OnConfig, Reconciler, ReconcilerInputs},
        upstream::UpstreamMonitor,
    },
    report::{ConfigReport, DiscoveryReport, ReloadCounters, ServerSettings},
    runtime::{Runtime, RuntimeContext},
};
use crate::{
    config::{Config, Loaded},
    domain::{AiStatus, ConfigStatus, DiscoveryStatus, Generation, Snapshot, Stamp, os_text},
    files::{Watcher, logs::Logs, state::StateDir},
    sync::lock,
};

/// Requests that may wait for the reconciler: it answers each after one pass, so a few are plenty.
const REQUESTS: usize = 16;

/// Signs of life that may be asked for at once: one watchdog asks, again and again.
const BEATS: usize = 4;

/// How long the reconciler may take to end once all runs are gone. It takes microseconds, unless a
/// disk hangs.
const LAST_PASS: Duration = Duration::from_millis(100);

/// How long the folder of workers may take to be made at the start. After that its disk is taken to
/// hang: the first look at it waits for it, and says so.
const MAKE_LIMIT: Duration = Duration::from_secs(2);

/// What the engine needs to start.
pub struct Options {
    /// Where the config comes from; read once already.
    pub source: Source,
    /// The config that was read.
    pub loaded: Loaded,
    /// The state directory, locked.
    pub state: Arc<StateDir>,
    /// The id of this arcanos, with which the ids of its runs begin.
    pub instance: String,
    /// The logs, open.
    pub logs: Logs,
    /// Called with each config that comes into force, to set up the logs.
    pub on_config: OnConfig,
}

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The folder of workers does not exist and cannot be created.
    #[error("discovery.directory: `{}` cannot be created: {source}", os_text::shown_path(path))]
    Directory {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A rule of `discovery.rules` does not compile.
    #[error("discovery.rules: {0}")]
    Rules(String),
    /// The machine refuses a thread.
    #[error("cannot start the thread that follows the disk: {0}")]
    Thread(io::Error),
    /// The machine refuses what running workers takes: a thread, a descriptor, a signal handler.
    #[error("cannot start what runs the workers: {0}")]
    Runtime(io::Error),
}

/// The running engine. Dropping it without [`Engine::shut_down`] leaves its tasks to tokio.
pub struct Engine {
    handle: Handle,
    stop: watch::Sender<bool>,
    end: CancellationToken,
    reconciler: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Starts to follow the disk, and runs workers as child processes.
    ///
    /// # Errors
    /// The folder of workers cannot be made, changes cannot be followed as the config demands, or
    /// the machine refuses what running workers takes.
    pub async fn start(options: Options) -> Result<Self, EngineError> {
        Self::start_with(options, local::start).await
    }

    /// Starts to follow the disk, and runs workers by another runtime.
    pub(in crate::engine) async fn start_with(
        options: Options,
        runtime: impl FnOnce(RuntimeContext) -> io::Result<Arc<dyn Runtime>>,
    ) -> Result<Self, EngineError> {
        make_directory(options.loaded.config.discovery.directory.clone()).await?;
        let (jumps, clock_jumps) = watch::channel(0);
        let (requests, request_queue) = mpsc::channel(REQUESTS);
        let (beats, beats_seen) = mpsc::channel(BEATS);
        let (stop, stop_seen) = watch::channel(false);
        let end = CancellationToken::new();
        let watcher = Watcher::new(options.loaded.config.discovery.watch);
        let (address, address_seen) = watch::channel(None);
        let board = Board::new(first_snapshot(&options.loaded.config, options.source.file()));
        let board = Arc::new(board);
        report_zone(&board, &options.logs);
        let runtime = runtime(RuntimeContext {
            board: Arc::clone(&board),
            logs: options.logs.clone(),
            state: Arc::clone(&options.state),
            instance: options.instance.clone(),
            address: address_seen,
            clock_jumps,
            rescan: watcher.rescan(),
            concurrency: options.loaded.config.concurrency,
        });
        let runtime = runtime.map_err(EngineError::Runtime)?;
        let shared = Arc::new(share(&options, (board, runtime), (requests, beats), address));
        let inputs = inputs(options, &shared, watcher, &end).await?;
        let reconciler = Reconciler::new(Arc::clone(&shared), (request_queue, beats_seen), inputs);
        let reconciler = tokio::spawn(reconciler.run(stop_seen));
        tokio::spawn(follow_clock(jumps));
        tokio::spawn(follow_logs(Handle(Arc::clone(&shared)), end.clone()));
        let reconciler = Mutex::new(Some(reconciler));
        Ok(Self { handle: Handle(shared), stop, end, reconciler })
    }

    /// A handle to read the snapshot and to send commands.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Asks all runs to end at once and waits until they are gone. No request is accepted any
    /// more. What was logged may not be on the disk yet: see [`Logs::flush`].
    pub async fn shut_down(&self) {
        self.stop.send_replace(true);
        // At once: the pass that may be under way can wait for a disk that hangs. From here on the
        // runtime starts no worker.
        self.handle.0.runtime.shut_down().await;
        let reconciler = lock(&self.reconciler).take();
        if let Some(reconciler) = reconciler {
            // A pass is given up where it waits; one that waits for a disk in another way is left.
            let _ = tokio::time::timeout(LAST_PASS, reconciler).await;
        }
        self.end.cancel();
    }

    /// The longest `stop.timeout` of a worker. `None` while one that was removed still ends: its
    /// own is not known any more.
    #[must_use]
    pub fn longest_stop(&self) -> Option<Duration> {
        let specs = self.handle.0.runtime.observe();
        let is_known = |id| specs.binary_search_by(|spec| spec.id.cmp(id)).is_ok();
        let snapshot = self.handle.snapshot();
        let longest = specs.iter().map(|spec| spec.policy.stop.timeout).max();
        snapshot.workers.keys().all(is_known).then(|| longest.unwrap_or_default())
    }

    /// Kills all runs; [`Engine::shut_down`] then ends soon.
    pub fn kill(&self) {
        self.handle.0.runtime.kill();
    }
}

/// What handles and the reconciler share.
fn share(
    options: &Options,
    (board, runtime): (Arc<Board>, Arc<dyn Runtime>),
    (requests, beats): (mpsc::Sender<ReconcileRequest>, mpsc::Sender<oneshot::Sender<()>>),
    address: watch::Sender<Option<SocketAddr>>,
) -> EngineShared {
    let config = &options.loaded.config;
    let report = first_report(&options.loaded, options.source.file());
    let discovery =
        DiscoveryReport { directory: config.discovery.directory.clone(), files: Arc::default() };
    EngineShared {
        board,
        logs: options.logs.clone(),
        runtime,
        requests,
        beats,
        config: watch::Sender::new(Arc::new(report)),
        discovery: watch::Sender::new(Arc::new(discovery)),
        server: watch::Sender::new(Arc::new(ServerSettings::of(config))),
        address,
        reloads: ReloadCounters::default(),
        state: Arc::clone(&options.state),
        previewing: Arc::new(Semaphore::new(1)),
    }
}

/// What the reconciler starts from.
async fn inputs(
    options: Options,
    shared: &EngineShared,
    watcher: Watcher,
    end: &CancellationToken,
) -> Result<ReconcilerInputs, EngineError> {
    let Options { source, loaded, on_config, .. } = options;
    let config = Arc::new(loaded.config.clone());
    let mut model = UpstreamMonitor::new(Arc::clone(&shared.board), end.clone());
    let upstream = model.follow(&config).await;
    let file = source.file().to_owned();
    let observer = Observer::new(source, Arc::clone(&config)).map_err(EngineError::Rules)?;
    let schedule = PollSchedule::of(&watcher, config.discovery.scan_interval, false);
    let disk_timer = DiskTimer::start(Arc::clone(&shared.board)).map_err(EngineError::Thread)?;
    let tools =
        Tools { rescan: watcher.rescan(), disk_timer, give_memory_back: local::give_memory_back };
    let observer_thread =
        ObserverThread::start(observer, schedule, tools).map_err(EngineError::Thread)?;
    Ok(ReconcilerInputs {
        file,
        observer_thread,
        loaded,
        watcher,
        config,
        upstream,
        model,
        on_config,
    })
}

/// Says and shows that `TZ` cannot be used.
fn report_zone(board: &Board, logs: &Logs) {
    let problem = local_zone_problem();
    if let Some(text) = &problem {
        tracing::warn!("{text}");
        logs.arcanos(&format!("Warning: {text}"));
    }
    board.set_problem("TZ", problem);
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

async fn make_directory(path: PathBuf) -> Result<(), EngineError> {
    let made = tokio::task::spawn_blocking(move || {
        if path.exists() {
            return Ok(());
        }
        fs::create_dir_all(&path).map_err(|source| EngineError::Directory { path, source })
    });
    match tokio::time::timeout(MAKE_LIMIT, made).await {
        Ok(Ok(made)) => made,
        // The disk hangs, or tokio ends.
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}

fn first_snapshot(config: &Config, file: &Path) -> Snapshot {
    Snapshot {
        generation: Generation(0),
        workers: BTreeMap::new(),
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
        known_variables: Arc::new(config.env.available.0.keys().cloned().collect()),
    }
}

fn first_report(loaded: &Loaded, file: &Path) -> ConfigReport {
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
