//! Package preparation: installs packages when their lock file is new or has changed, or when what
//! was installed is gone.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::context::{Context, Phase};
use crate::{
    domain::{Exit, Limits, Stdin, WorkerId, human_delay, os_text},
    engine::runtime::{Packages, Preparation},
    files::{
        logs::{Source, Stream, TailQuery},
        state::Prepared,
    },
    process::{Command, SpawnError, Spawned},
    sync::lock,
};

/// Variables that package managers need. Others are not passed on: they may hold secrets.
const PASSED: [&str; 16] = [
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
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Prefixes of further variables, by which package managers are configured.
const PASSED_PREFIXES: [&str; 7] =
    ["npm_config_", "NPM_CONFIG_", "LC_", "COREPACK_", "YARN_", "PNPM_", "BUN_"];

/// Variables that are set: nobody is there to answer a question.
const SET: [(&str, &str); 2] = [("CI", "true"), ("COREPACK_ENABLE_DOWNLOAD_PROMPT", "0")];

/// How long a preparation goes on before the log says so; said again each time that doubles. A
/// person begins to wonder after 2 s, and an `npm ci` of minutes should not fill the screen.
const FIRST_NOTICE: Duration = Duration::from_secs(2);

/// The first and the longest delay before a preparation that failed is tried again. The figures are
/// the contract's.
const RETRY: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(600));

/// How long Node may take to say its version.
const VERSION_LIMIT: Duration = Duration::from_secs(5);

/// Bytes that are read of it.
const VERSION_SIZE: usize = 64;

/// Where the board shows that a preparation failed.
const PROBLEM: &str = "discovery.prepare";

/// Prepares packages, one preparation at a time.
pub(super) struct Preparer {
    context: Arc<Context>,
    environment: Vec<(String, String)>,
    progress: Mutex<Progress>,
}

/// How far preparations have come.
#[derive(Default)]
struct Progress {
    is_under_way: bool,
    /// The packages that were asked for last.
    wanted: Option<Packages>,
    done: Option<Done>,
    failure: Option<Failure>,
}

/// A preparation that went well, or that was not needed.
struct Done {
    packages: Packages,
    node: Option<NodeFile>,
    has_modules: bool,
}

/// A preparation that failed, to be tried again.
struct Failure {
    packages: Packages,
    node: Option<NodeFile>,
    delay: Duration,
    retry_at: Instant,
}

/// The program `node`, as a file: while it is the same, so is its version.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NodeFile {
    path: PathBuf,
    id: (u64, u64, i64, i64),
}

impl Progress {
    /// Whether these packages need a look now.
    fn is_due(&self, packages: &Packages, node: Option<&NodeFile>) -> bool {
        if let Some(failure) = &self.failure
            && failure.packages == *packages
            && failure.node.as_ref() == node
        {
            return Instant::now() >= failure.retry_at;
        }
        let is_done = |done: &Done| {
            let are_there = !done.has_modules || packages.modules.exists();
            done.packages == *packages && done.node.as_ref() == node && are_there
        };
        !self.done.as_ref().is_some_and(is_done)
    }
}

impl Preparer {
    pub(super) fn new(context: Arc<Context>) -> Self {
        let is_passed = |name: &String| {
            PASSED.contains(&name.as_str()) || PASSED_PREFIXES.iter().any(|p| name.starts_with(p))
        };
        let all = std::env::vars_os().map(|(n, v)| (os_text::kept_os(&n), os_text::kept_os(&v)));
        let passed = all.filter(|(name, _)| is_passed(name));
        let set = SET.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = set.into_iter().chain(passed).collect();
        Self { context, environment, progress: Mutex::default() }
    }

    /// Begins to prepare these packages if they need it, and holds launches back until
    /// [`Preparer::admit`] after its end. After the end the reconciler asks again.
    pub(super) fn look(self: &Arc<Self>, packages: Option<Packages>) -> Preparation {
        let mut progress = self.progress();
        progress.wanted.clone_from(&packages);
        if progress.is_under_way {
            return Preparation::UnderWay;
        }
        let Some(packages) = packages else {
            progress.failure = None;
            self.context.board.set_problem(PROBLEM, None);
            return Preparation::Done;
        };
        let node = self.node_file();
        if !progress.is_due(&packages, node.as_ref()) {
            let has_failed = progress.failure.is_some();
            return if has_failed { Preparation::Failed } else { Preparation::Done };
        }
        self.context.launch_limiter.close();
        progress.is_under_way = true;
        let job = Job { preparer: Arc::clone(self), packages, node };
        self.context.tracker.spawn(Arc::clone(self).follow(job));
        Preparation::UnderWay
    }

    /// Tries a preparation that failed at once.
    pub(super) fn retry(self: &Arc<Self>) {
        let mut progress = self.progress();
        let Some(failure) = &mut progress.failure else { return };
        failure.retry_at = Instant::now();
        failure.delay = RETRY.0;
        let wanted = progress.wanted.clone();
        drop(progress);
        // Before the run that was asked for: it waits for the packages then.
        self.look(wanted);
    }

    /// Lets runs launch, unless packages are being prepared.
    pub(super) fn admit(&self) {
        let progress = self.progress();
        if !progress.is_under_way {
            self.context.launch_limiter.open();
        }
    }

    /// Waits for the end of a preparation and reports it, or ends it when arcanos ends.
    async fn follow(self: Arc<Self>, job: Job) {
        let mut phase = self.context.phase.clone();
        let (packages, node) = (job.packages.clone(), job.node.clone());
        // A task of its own, so that launches go on even if it panics. Dropping the handle ends the
        // task, and with it the process.
        let task = AbortOnDropHandle::new(self.context.tracker.spawn(job.run()));
        let result = tokio::select! {
            result = announced(task) => result,
            _ = phase.wait_for(|phase| *phase != Phase::Running) => return,
        };
        let problem = result.as_ref().err().cloned();
        let mut progress = self.progress();
        match result {
            Ok(has_modules) => {
                progress.failure = None;
                progress.done = Some(Done { packages, node, has_modules });
            }
            Err(error) => {
                progress.done = None;
                let before = progress.failure.take().filter(|failure| failure.packages == packages);
                let delay = before.map_or(RETRY.0, |before| before.delay);
                let text = format!("{error}; tried again in {}", human_delay(delay));
                tracing::warn!("{text}");
                self.context.logs.arcanos(&text);
                let retry_at = Instant::now() + delay;
                let delay = (delay * 2).min(RETRY.1);
                progress.failure = Some(Failure { packages, node, delay, retry_at });
                self.context.tracker.spawn(Arc::clone(&self).look_again(retry_at));
            }
        }
        progress.is_under_way = false;
        drop(progress);
        self.context.board.set_problem(PROBLEM, problem);
        // The reconciler replaces what runs, and then lets runs launch. Another lock file may have
        // come meanwhile, too.
        self.context.rescan.all();
    }

    /// Wakes the reconciler when a preparation that failed is due.
    async fn look_again(self: Arc<Self>, retry_at: Instant) {
        let mut phase = self.context.phase.clone();
        tokio::select! {
            () = tokio::time::sleep_until(retry_at.into()) => self.context.rescan.all(),
            _ = phase.wait_for(|phase| *phase != Phase::Running) => {}
        }
    }

    /// The program `node` on the `PATH` of preparations.
    fn node_file(&self) -> Option<NodeFile> {
        let (_, path) = self.environment.iter().find(|(name, _)| name == "PATH")?;
        std::env::split_paths(path).find_map(|folder| {
            let path = fs::canonicalize(folder.join("node")).ok()?;
            let found = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
            let id = (found.dev(), found.ino(), found.mtime(), found.mtime_nsec());
            Some(NodeFile { path, id })
        })
    }

    fn command(&self, words: &[String], cwd: PathBuf) -> Option<Command> {
        let (program, args) = words.split_first()?;
        Some(Command {
            program: program.clone(),
            args: args.to_vec(),
            env: self.environment.clone(),
            cwd,
            ipc: false,
            stdin: Stdin::Null,
            limits: Limits::default(),
            user: None,
            new_privileges: false,
            // Recorded like any run, so that the next start ends what a killed arcanos left of it.
            run: self.context.new_run(),
        })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }
}

/// Waits for a preparation and logs now and then that it goes on. Returns whether it left modules.
async fn announced(mut task: AbortOnDropHandle<Result<bool, String>>) -> Result<bool, String> {
    let begun = Instant::now();
    let mut next_notice = FIRST_NOTICE;
    loop {
        match tokio::time::timeout_at((begun + next_notice).into(), &mut task).await {
            Ok(Ok(result)) => return result,
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
    preparer: Arc<Preparer>,
    packages: Packages,
    node: Option<NodeFile>,
}

impl Job {
    /// Prepares the packages if they need it. Returns whether there is a `node_modules` that must
    /// stay.
    async fn run(self) -> Result<bool, String> {
        let context = &self.preparer.context;
        let packages = &self.packages;
        let node = self.node_major().await;
        // A record that cannot be read counts as none: preparing once too often does no harm.
        let before = context.state.prepared(&packages.folder).ok().flatten();
        if let Some(before) = before.filter(|before| self.is_good(before, node.as_deref())) {
            return Ok(before.has_modules);
        }
        let text =
            format!("{} in {}", packages.command.join(" "), os_text::shown_path(&packages.folder));
        tracing::info!("Preparing packages: {text}");
        context.logs.arcanos(&format!("Preparing packages: {text}"));
        let begun = Instant::now();
        self.install().await?;
        let took = human_delay(begun.elapsed());
        tracing::info!("Packages are prepared, in {took}.");
        context.logs.arcanos(&format!("Packages are prepared, in {took}"));
        let has_modules = packages.modules.exists();
        let (digest, command) = (packages.digest.to_string(), packages.command.clone());
        let prepared = Prepared { digest, command, node, has_modules };
        if let Err(error) = context.state.set_prepared(&packages.folder, prepared) {
            tracing::warn!("The next start prepares the packages again: {error}");
        }
        Ok(has_modules)
    }

    /// Whether what an earlier preparation left will do.
    fn is_good(&self, before: &Prepared, node: Option<&str>) -> bool {
        let packages = &self.packages;
        let is_same_node = match (before.node.as_deref(), node) {
            (Some(before), Some(now)) => before == now,
            (None, _) | (_, None) => true,
        };
        before.digest == packages.digest.to_string()
            && before.command == packages.command
            && is_same_node
            && (!before.has_modules || packages.modules.exists())
    }

    /// The major version of Node: packages with native code are built for one.
    async fn node_major(&self) -> Option<String> {
        let node = self.node.as_ref()?.path.to_str()?.to_owned();
        let words = [node, "--version".to_owned()];
        let command = self.preparer.command(&words, self.packages.folder.clone())?;
        let spawned = self.preparer.context.spawner.spawn(command).await.ok()?;
        let Spawned { mut process, stdout, stderr: _stderr, .. } = spawned;
        let exit = tokio::time::timeout(VERSION_LIMIT, process.exited()).await.ok()?;
        let mut text = [0; VERSION_SIZE];
        let read = rustix::io::read(&stdout, &mut text).ok()?;
        let text = std::str::from_utf8(text.get(..read)?).ok()?;
        let major = text.trim().strip_prefix('v')?.split('.').next()?;
        (exit == Exit::Code(0)).then(|| major.to_owned())
    }

    async fn install(&self) -> Result<(), String> {
        let context = &self.preparer.context;
        let folder = &self.packages.folder;
        let command = self.preparer.command(&self.packages.command, folder.clone());
        let Some(command) = command else { return Ok(()) };
        // One that is cut short leaves neither what was there nor what should be.
        if let Err(error) = context.state.forget_prepared(folder) {
            tracing::warn!("What was prepared cannot be forgotten: {error}");
        }
        let (program, run) = (command.program.clone(), command.run.clone());
        let spawned = context.spawner.spawn(command).await.map_err(|error| match error {
            SpawnError::Missing { .. } => format!(
                "discovery.prepare: `{program}` was not found on PATH; install it, or set \
                 `discovery.prepare = []` and install the packages of {} yourself",
                os_text::shown_path(folder)
            ),
            other => format!("discovery.prepare: {other}"),
        })?;
        let Spawned { mut process, stdout, stderr, .. } = spawned;
        let id = WorkerId::preparation();
        let log = context.logs.worker(&id);
        let ended = CancellationToken::new();
        let source = |stream| Source { stream, run: &run, ended: &ended, watch: None };
        let exit = async {
            let exit = process.exited().await;
            ended.cancel();
            exit
        };
        let (exit, (), ()) = tokio::join!(
            exit,
            log.capture(stdout, source(Stream::Stdout)),
            log.capture(stderr, source(Stream::Stderr)),
        );
        if exit != Exit::Code(0) {
            let query = TailQuery { stream: Some(Stream::Stderr), ..TailQuery::last(3) };
            let lines = context.logs.tail(Some(&id), &query).await;
            let last = lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join(" / ");
            let said = if last.is_empty() { last } else { format!(": {last}") };
            return Err(format!(
                "discovery.prepare failed in {} ({exit}){said}; see the lines of [{id}] in \
                 the session log. Workers start all the same",
                os_text::shown_path(folder)
            ));
        }
        Ok(())
    }
}
