//! Package preparation: runs `discovery.prepare` when the folder's lock file is new or has changed.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::context::{Context, Phase};
use crate::{
    domain::{Exit, Limits, RunId, WorkerId, human_delay},
    engine::runtime::Packages,
    files::logs::{Stream, TailQuery},
    process::{Command, SpawnError, Spawned},
    sync::lock,
};

/// The name of the preparation's output in the logs.
const NAME: &str = "prepare";

/// Variables that package managers need. Others are not passed on: they may hold secrets.
const PASSED: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "TMPDIR",
    "NODE_ENV",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
];

/// Prefixes of further variables, by which npm is configured.
const PASSED_PREFIXES: [&str; 3] = ["npm_config_", "NPM_CONFIG_", "LC_"];

/// How long a preparation goes on before the log says so; said again each time that doubles. A
/// person begins to wonder after 2 s, and an `npm ci` of minutes should not fill the screen.
const FIRST_NOTICE: Duration = Duration::from_secs(2);

/// Where the board shows that a preparation failed.
const PROBLEM: &str = "discovery.prepare";

/// Runs the command that prepares, one at a time.
pub(super) struct Preparer {
    context: Arc<Context>,
    environment: Vec<(String, String)>,
    progress: Mutex<Progress>,
}

/// How far preparations have come.
#[derive(Default)]
struct Progress {
    runs: u64,
    is_under_way: bool,
    /// The packages that were tried last, whether that went well or not.
    tried: Option<Packages>,
}

impl Preparer {
    pub(super) fn new(context: Arc<Context>) -> Self {
        let is_passed = |name: &str| {
            PASSED.contains(&name) || PASSED_PREFIXES.iter().any(|p| name.starts_with(p))
        };
        let environment = std::env::vars().filter(|(name, _)| is_passed(name)).collect();
        Self { context, environment, progress: Mutex::default() }
    }

    /// Begins to prepare a folder and holds launches back until that has ended. Does nothing if it
    /// was done for this digest of the lock file, was tried in vain, or if a preparation goes on:
    /// after its end the reconciler asks again.
    pub(super) fn begin(self: &Arc<Self>, packages: Packages) {
        let Some(number) = self.next_number(&packages) else { return };
        let Some((program, args)) = packages.command.split_first() else { return };
        let run = RunId::new(&format!("{}-{NAME}", lock(&self.context.run_ids).instance), number);
        let command = Command {
            program: program.clone(),
            args: args.to_vec(),
            env: self.environment.clone(),
            cwd: packages.folder.clone(),
            ipc: false,
            limits: Limits::default(),
            user: None,
            run,
        };
        let text = format!("{} in {}", packages.command.join(" "), packages.folder.display());
        tracing::info!("Preparing packages: {text}");
        self.context.logs.arcanos(&format!("Preparing packages: {text}"));
        self.context.launch_limiter.set_open(false);
        lock(&self.progress).is_under_way = true;
        let job = Job { context: Arc::clone(&self.context), packages };
        self.context.tracker.spawn(Arc::clone(self).follow(job, command));
    }

    /// The number of the preparation that these packages need, if they need one now.
    fn next_number(&self, packages: &Packages) -> Option<u64> {
        let mut progress = lock(&self.progress);
        let is_tried = progress.tried.as_ref().is_some_and(|tried| {
            tried.folder == packages.folder && tried.digest == packages.digest
        });
        if progress.is_under_way || is_tried || packages.command.is_empty() {
            return None;
        }
        progress.tried = Some(packages.clone());
        let done = self.context.state.prepared(&packages.folder);
        if matches!(done, Ok(Some(done)) if done == packages.digest) {
            return None;
        }
        progress.runs += 1;
        Some(progress.runs)
    }

    /// Waits for the end of a preparation and reports it, or ends it when arcanos ends.
    async fn follow(self: Arc<Self>, job: Job, command: Command) {
        let mut phase = self.context.phase.clone();
        // A task of its own, so that launches go on even if it panics. Dropping the handle ends the
        // task, and with it the process.
        let task = AbortOnDropHandle::new(self.context.tracker.spawn(job.run(command)));
        let result = tokio::select! {
            result = announced(task) => result,
            _ = phase.wait_for(|phase| *phase != Phase::Running) => return,
        };
        match &result {
            Ok(took) => {
                let took = human_delay(*took);
                tracing::info!("Packages are prepared, in {took}.");
                self.context.logs.arcanos(&format!("Packages are prepared, in {took}"));
            }
            Err(error) => {
                tracing::warn!("{error}");
                self.context.logs.arcanos(error);
            }
        }
        lock(&self.progress).is_under_way = false;
        self.context.board.set_problem(PROBLEM, result.err());
        self.context.launch_limiter.set_open(true);
        // Another lock file may have come meanwhile.
        self.context.rescan.all();
    }
}

/// Waits for a preparation and logs now and then that it goes on. Returns how long it took.
async fn announced(mut task: AbortOnDropHandle<Result<(), String>>) -> Result<Duration, String> {
    let begun = Instant::now();
    let mut next_notice = FIRST_NOTICE;
    loop {
        match tokio::time::timeout_at((begun + next_notice).into(), &mut task).await {
            Ok(Ok(result)) => return result.map(|()| begun.elapsed()),
            Ok(Err(panic)) => return Err(panic.to_string()),
            Err(_) => {
                let so_far = human_delay(next_notice);
                tracing::info!(
                    "Still preparing packages, {so_far} so far; the workers wait for it."
                );
                next_notice *= 2;
            }
        }
    }
}

/// One preparation.
struct Job {
    context: Arc<Context>,
    packages: Packages,
}

impl Job {
    async fn run(self, command: Command) -> Result<(), String> {
        let (program, run) = (command.program.clone(), command.run.clone());
        let folder = &self.packages.folder;
        let spawned = self.context.spawner.spawn(command).await.map_err(|error| match error {
            SpawnError::Missing { .. } => format!(
                "discovery.prepare: `{program}` was not found on PATH; install it, or set \
                 `discovery.prepare = []` and install the packages of {} yourself",
                folder.display()
            ),
            other => format!("discovery.prepare: {other}"),
        })?;
        let Spawned { mut process, stdout, stderr, .. } = spawned;
        let id = WorkerId::parse(NAME).map_err(|error| error.to_string())?;
        let log = self.context.logs.worker(&id);
        let ended = CancellationToken::new();
        let exit = async {
            let exit = process.exited().await;
            ended.cancel();
            exit
        };
        let (exit, (), ()) = tokio::join!(
            exit,
            log.capture(stdout, Stream::Stdout, &run, &ended),
            log.capture(stderr, Stream::Stderr, &run, &ended),
        );
        if exit != Exit::Code(0) {
            let query = TailQuery { stream: Some(Stream::Stderr), ..TailQuery::last(3) };
            let lines = self.context.logs.tail(Some(&id), &query).await;
            let last = lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join(" / ");
            let said = if last.is_empty() { last } else { format!(": {last}") };
            return Err(format!(
                "discovery.prepare failed in {} ({exit}){said}; see the lines of [{NAME}] in \
                 the session log. Workers start all the same",
                folder.display()
            ));
        }
        let remembered = self.context.state.set_prepared(folder, &self.packages.digest);
        remembered.map_err(|error| format!("discovery.prepare: {error}"))
    }
}
