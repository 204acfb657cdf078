//! Brings the engine up, and down again.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    board::Board,
    clock,
    eye::Eye,
    governor::Governor,
    handle::{Handle, Shared},
    local::{Context, Local, LocalRuntime, Phase},
    model::ModelDesk,
    prepare::Preparer,
    reconciler::{Beginnings, OnConfig, Reconciler},
    report::{ConfigReport, DiscoveryReport, ReloadCounters, ServerSettings},
    source::Source,
};
use crate::{
    config::{Config, Loaded},
    domain::{AiStatus, ConfigStatus, DiscoveryStatus, Generation, Snapshot, Stamp},
    files::{Watcher, logs::Logs, state::StateDir},
    process::Spawner,
};

/// Requests to look at the disk that may wait: each is answered by the next look, so a few are
/// plenty.
const REQUESTS: usize = 16;

/// How long the last lines may take to reach the disk at the end.
const FLUSH: Duration = Duration::from_secs(1);

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
        let Options {
            source,
            loaded,
            state,
            instance,
            logs,
            spawner,
            on_config,
        } = options;
        let config = Arc::new(loaded.config.clone());
        make_directory(&config)?;
        let file = source.file().to_owned();
        let board = Arc::new(Board::new(first_picture(&config, &file)));
        let (phase, phase_seen) = watch::channel(Phase::Running);
        let (address, address_seen) = watch::channel(None);
        let (jumps, clock) = watch::channel(0);
        let tracker = TaskTracker::new();
        let end = CancellationToken::new();
        let governor = Governor::new(config.concurrency);
        let local = Local::new(Context {
            board: Arc::clone(&board),
            logs: logs.clone(),
            spawner: spawner.clone(),
            governor: governor.clone(),
            instance: instance.clone(),
            address: address_seen,
            phase: phase_seen,
            clock,
            tracker: tracker.clone(),
        });
        let (requests, request_queue) = mpsc::channel(REQUESTS);
        let shared = Arc::new(Shared {
            board: Arc::clone(&board),
            logs: logs.clone(),
            runtime: Arc::new(LocalRuntime(local)),
            requests,
            config: watch::Sender::new(Arc::new(first_report(&loaded, &file))),
            discovery: watch::Sender::new(Arc::new(DiscoveryReport {
                directory: config.discovery.directory.clone(),
                files: Vec::new(),
            })),
            server: watch::Sender::new(Arc::new(ServerSettings::of(&config))),
            address,
            reloads: ReloadCounters::default(),
        });
        let mut model = ModelDesk::new(board, end.clone());
        let upstream = model.follow(&config).await;
        let eye = Eye::new(source, Arc::clone(&config)).map_err(EngineError::Rules)?;
        let beginnings = Beginnings {
            eye,
            loaded,
            config: Arc::clone(&config),
            file,
            upstream,
            watcher: Watcher::new(config.discovery.watch),
            governor,
            model,
            preparer: Preparer::new(spawner, state, logs, instance),
            on_config,
        };
        let (stop, stop_seen) = watch::channel(false);
        let reconciler = Reconciler::new(Arc::clone(&shared), request_queue, beginnings);
        let reconciler = tokio::spawn(reconciler.run(stop_seen));
        tokio::spawn(async move {
            if let Err(error) = clock::follow(jumps).await {
                tracing::debug!(%error, "Jumps of the clock cannot be noticed.");
            }
        });
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

    /// Asks every run to end, side by side, and waits until all are gone and the logs are
    /// written. No request is taken any more.
    pub async fn shut_down(&self) {
        self.stop.send_replace(true);
        let reconciler = self
            .reconciler
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
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
        self.handle.logs().flush(FLUSH).await;
    }

    /// Kills every run at once; [`Engine::shut_down`] then ends soon.
    pub fn kill(&self) {
        self.phase.send_replace(Phase::Killing);
    }
}

fn make_directory(config: &Config) -> Result<(), EngineError> {
    let path = &config.discovery.directory;
    if path.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(path).map_err(|source| EngineError::Directory {
        path: path.clone(),
        source,
    })
}

fn first_picture(config: &Config, file: &std::path::Path) -> Snapshot {
    Snapshot {
        generation: Generation(0),
        workers: std::collections::BTreeMap::new(),
        config: ConfigStatus {
            file: file.to_owned(),
            loaded_at: Stamp::now(),
            error: None,
        },
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
    let sources = loaded
        .sources
        .iter()
        .map(|(key, source)| (key.clone(), source.as_str()));
    ConfigReport {
        generation: Generation(0),
        file: file.to_owned(),
        profile: loaded.config.profile.clone(),
        config: loaded.effective.clone(),
        sources: sources.collect(),
        last_reload: None,
    }
}
