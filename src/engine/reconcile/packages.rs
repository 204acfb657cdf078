//! Prepares the folder of workers: installs their packages when the lock file is new or changed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{Exit, Limits, RunId, WorkerId, human_delay},
    files::{
        logs::{Logs, Stream, TailQuery},
        state::StateDir,
    },
    process::{Command, SpawnError, Spawned, Spawner},
};

/// Under this name the output stands in the logs: a name no worker's file would naturally have.
const NAME: &str = "prepare";

/// Environment that package managers need; secrets of arcanos stay out.
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

/// Prefixes of further variables that npm is set up by.
const PASSED_PREFIXES: [&str; 3] = ["npm_config_", "NPM_CONFIG_", "LC_"];

/// After so long it is said that it still goes on, and again each time that doubles: a person
/// begins to wonder after 2 s, and an `npm ci` of minutes shall not fill the screen.
const FIRST_WORD: Duration = Duration::from_secs(2);

/// Runs the command that prepares, one at a time.
pub(in crate::engine) struct Preparer {
    spawner: Spawner,
    state: Arc<StateDir>,
    logs: Logs,
    environment: Vec<(String, String)>,
    instance: String,
    runs: u64,
    /// The digest of the lock file that was tried last.
    tried: Option<(PathBuf, String)>,
    task: Option<JoinHandle<Result<(), String>>>,
    /// When that began.
    begun: Instant,
    /// How old it is when it is next said that it goes on.
    next_word: Duration,
}

impl Preparer {
    pub(in crate::engine) fn new(
        spawner: Spawner,
        state: Arc<StateDir>,
        logs: Logs,
        instance: String,
    ) -> Self {
        let is_passed = |name: &str| {
            PASSED.contains(&name) || PASSED_PREFIXES.iter().any(|p| name.starts_with(p))
        };
        let environment = std::env::vars().filter(|(name, _)| is_passed(name)).collect();
        Self {
            spawner,
            state,
            logs,
            environment,
            instance,
            runs: 0,
            tried: None,
            task: None,
            begun: Instant::now(),
            next_word: FIRST_WORD,
        }
    }

    /// Begins to prepare the folder, unless that was done for this digest of its lock file, was
    /// tried in vain, or is under way. Whether it began.
    pub(in crate::engine) fn begin(
        &mut self,
        command: &[String],
        folder: &Path,
        digest: &str,
    ) -> bool {
        let this = (folder.to_owned(), digest.to_owned());
        if self.task.is_some() || self.tried.as_ref() == Some(&this) {
            return false;
        }
        self.tried = Some(this);
        if matches!(self.state.prepared(folder), Ok(Some(done)) if done == digest) {
            return false;
        }
        let Some((program, args)) = command.split_first() else {
            return false;
        };
        self.runs += 1;
        let run = RunId::new(&format!("{}-{NAME}", self.instance), self.runs);
        let env = self.environment.clone();
        let command = Command {
            program: program.clone(),
            args: args.to_vec(),
            env,
            cwd: folder.to_owned(),
            ipc: false,
            limits: Limits::default(),
            user: None,
            run: run.clone(),
        };
        let words = format!(
            "{} in {}",
            [program.clone()].iter().chain(args).cloned().collect::<Vec<_>>().join(" "),
            folder.display()
        );
        tracing::info!("Preparing packages: {words}");
        self.logs.arcanos(&format!("Preparing packages: {words}"));
        let job = Job {
            spawner: self.spawner.clone(),
            state: Arc::clone(&self.state),
            logs: self.logs.clone(),
            folder: folder.to_owned(),
            digest: digest.to_owned(),
        };
        self.task = Some(tokio::spawn(job.run(command, run)));
        self.begun = Instant::now();
        self.next_word = FIRST_WORD;
        true
    }

    /// Waits for the end of what was begun, and says so now and then; for ever without it. May be
    /// cancelled.
    pub(in crate::engine) async fn ended(&mut self) -> Result<(), String> {
        let Some(task) = &mut self.task else {
            return std::future::pending().await;
        };
        let result = loop {
            let word = (self.begun + self.next_word).into();
            match tokio::time::timeout_at(word, &mut *task).await {
                Ok(result) => break result.unwrap_or_else(|error| Err(error.to_string())),
                Err(_) => {
                    let so_far = human_delay(self.next_word);
                    tracing::info!(
                        "Still preparing packages, {so_far} so far; the workers wait for it."
                    );
                    self.next_word *= 2;
                }
            }
        };
        self.task = None;
        match &result {
            Ok(()) => {
                let took = human_delay(self.begun.elapsed());
                tracing::info!("Packages are prepared, in {took}.");
                self.logs.arcanos(&format!("Packages are prepared, in {took}"));
            }
            Err(error) => {
                tracing::warn!("{error}");
                self.logs.arcanos(error);
            }
        }
        result
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// One preparation.
struct Job {
    spawner: Spawner,
    state: Arc<StateDir>,
    logs: Logs,
    folder: PathBuf,
    digest: String,
}

impl Job {
    async fn run(self, command: Command, run: RunId) -> Result<(), String> {
        let program = command.program.clone();
        let spawned = self.spawner.spawn(command).await.map_err(|error| match error {
            SpawnError::Missing { .. } => format!(
                "discovery.prepare: `{program}` was not found on PATH; install it, or set \
                 `discovery.prepare = []` and install the packages of {} yourself",
                self.folder.display()
            ),
            other => format!("discovery.prepare: {other}"),
        })?;
        let Spawned { mut process, stdout, stderr, .. } = spawned;
        let id = WorkerId::parse(NAME).map_err(|error| error.to_string())?;
        let log = self.logs.worker(&id);
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
            let lines = self.logs.tail(Some(&id), &query).await;
            let last = lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join(" / ");
            let said = if last.is_empty() { last } else { format!(": {last}") };
            return Err(format!(
                "discovery.prepare failed in {} ({exit}){said}; see the lines of [{NAME}] in \
                 the session log. Workers start all the same",
                self.folder.display()
            ));
        }
        let remembered = self.state.set_prepared(&self.folder, &self.digest);
        remembered.map_err(|error| format!("discovery.prepare: {error}"))
    }
}
