//! The snapshot: one immutable view of all workers, for the server and the command line.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{
    Attempts, Exit, ExitReason, Generation, InstanceName, Mode, RunId, Stamp, State, WorkerId,
};

/// One consistent snapshot of everything.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The generation of config and workers it shows.
    pub generation: Generation,
    /// All workers, by id.
    pub workers: BTreeMap<WorkerId, Arc<WorkerView>>,
    /// How the config stands.
    pub config: ConfigStatus,
    /// How the folder stands.
    pub discovery: DiscoveryStatus,
    /// How the model stands.
    pub ai: AiStatus,
    /// What else a person should look at, in words; empty when all is well.
    pub problems: Vec<String>,
    /// The active profile: `development`, `production`, or one of the file.
    pub environment: String,
    /// Where the session log is.
    pub session_log: PathBuf,
    /// The names of the variables that arcanos has, from its environment and its dotenv files.
    pub known_variables: Arc<BTreeSet<String>>,
}

impl Snapshot {
    /// A copy of all but the workers, of which it has none.
    #[must_use]
    pub fn clone_without_workers(&self) -> Self {
        Self {
            generation: self.generation,
            workers: BTreeMap::new(),
            config: self.config.clone(),
            discovery: self.discovery.clone(),
            ai: self.ai.clone(),
            problems: self.problems.clone(),
            environment: self.environment.clone(),
            session_log: self.session_log.clone(),
            known_variables: Arc::clone(&self.known_variables),
        }
    }

    /// How many workers are in each state; every state has an entry.
    #[must_use]
    pub fn counts(&self) -> StateCounts {
        let mut counts: BTreeMap<State, usize> = State::ALL.iter().map(|s| (*s, 0)).collect();
        for worker in self.workers.values() {
            *counts.entry(worker.state).or_default() += 1;
        }
        StateCounts(counts)
    }

    /// Whether something needs a person: a config that is not applied, a folder that cannot be
    /// read, an upstream that refuses, or any other problem. A failed worker alone is none.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.config.error.is_some()
            || self.discovery.error.is_some()
            || self.ai.reachable == Some(false)
            || !self.problems.is_empty()
    }

    /// Every reason to be degraded, in words.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        let refusal = self.ai.error.as_deref().filter(|_| self.ai.reachable == Some(false));
        [self.config.error.as_deref(), self.discovery.error.as_deref(), refusal]
            .into_iter()
            .flatten()
            .chain(self.problems.iter().map(String::as_str))
    }
}

/// Numbers of workers by state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateCounts(pub BTreeMap<State, usize>);

/// How the config stands.
#[derive(Clone, Debug)]
pub struct ConfigStatus {
    /// The file, absolute.
    pub file: PathBuf,
    /// When the one in force was applied.
    pub loaded_at: Stamp,
    /// Why the one on the disk is not in force.
    pub error: Option<String>,
}

/// How the folder of workers stands.
#[derive(Clone, Debug)]
pub struct DiscoveryStatus {
    /// The folder, absolute.
    pub directory: PathBuf,
    /// How changes are noticed, in words: `native`, `poll`, and why if not as asked.
    pub watcher: String,
    /// Why the folder cannot be followed.
    pub error: Option<String>,
}

/// How the model behind the workers stands.
#[derive(Clone, Debug, Default)]
pub struct AiStatus {
    /// The model that workers get unless their settings name another.
    pub default_model: String,
    /// `openai`, `echo` or the base URL.
    pub upstream: String,
    /// Whether the upstream accepts key and model; `None` is not known.
    pub reachable: Option<bool>,
    /// What the upstream said against them.
    pub error: Option<String>,
}

/// What a run uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// Processor time so far, in seconds.
    pub cpu_seconds: f64,
    /// Whether its first process is stopped by a signal, and so does nothing.
    pub is_stalled: bool,
}

/// A worker as everybody sees it.
#[derive(Clone, Debug)]
pub struct WorkerView {
    /// Its name.
    pub id: WorkerId,
    /// Where it is in its life.
    pub state: State,
    /// Whether the config lets it run.
    pub enabled: bool,
    /// Counts the requests of people that began a new life: whoever asked for one waits until the
    /// view has its number or a later one.
    pub epoch: u64,
    /// Its file, relative to the folder.
    pub file: PathBuf,
    /// The rule that accepted it.
    pub rule: String,
    /// How its file is used.
    pub mode: Mode,
    /// Whether a run of it is alive: launched, and not ended.
    pub has_run: bool,
    /// What the runtime calls its run, while it has one.
    pub instance: Option<InstanceName>,
    /// Its run, or the last one.
    pub run_id: Option<RunId>,
    /// Its `AI_MODEL`.
    pub model: Option<String>,
    /// When its present run was launched; `None` without one.
    pub started: Option<Started>,
    /// When its last run was launched.
    pub last_run_at: Option<Stamp>,
    /// Restarts spent.
    pub attempts: u32,
    /// How many may be spent.
    pub max_attempts: Attempts,
    /// When it will start again, if that is known.
    pub next_start_at: Option<Stamp>,
    /// Runs launched since arcanos started.
    pub starts: u64,
    /// Ticks of its schedule that met a run.
    pub skipped_runs: u64,
    /// How its last run ended.
    pub last_exit: Option<LastExit>,
    /// Why it is in `backoff` or `failed`.
    pub reason: Option<ExitReason>,
    /// Whether its file or settings differ from those of its run.
    pub changed: bool,
    /// What its owner should know.
    pub warnings: Vec<String>,
    /// What it has written; counts on while the view stands still.
    pub log: Arc<LogCounters>,
    /// The last thing it said on its channel.
    pub last_activity: Option<LastActivity>,
    /// How often its runs ended in each way.
    pub exits: BTreeMap<Exit, u64>,
    /// Its last runs that have ended, oldest first.
    pub past: Arc<VecDeque<PastRun>>,
}

/// When a run was launched, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// By the wall clock, to be shown.
    pub at: Stamp,
    /// By the clock that ages are taken from.
    pub instant: Instant,
}

/// A run that has ended, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// When it was launched.
    pub started_at: Stamp,
    /// How long it lasted.
    pub uptime: Duration,
    /// Code or signal.
    pub exit: Exit,
    /// Why, if that is known.
    pub reason: Option<ExitReason>,
    /// What its end meant.
    pub outcome: RunOutcome,
}

/// What the end of a run meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunOutcome {
    /// It exited 0 by itself.
    Completed,
    /// It ended otherwise by itself, or because it took too long.
    Failed,
    /// It was asked to end.
    Stopped,
}

/// How a run ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastExit {
    /// Code or signal; `None` if there never was a process.
    pub exit: Option<Exit>,
    /// Why, if that is known.
    pub reason: Option<ExitReason>,
    /// When.
    pub at: Stamp,
    /// How long the run lasted.
    pub uptime: Duration,
    /// What was found of it.
    pub evidence: Evidence,
}

/// What a run leaves that explains its end.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// What its output says about the cause.
    pub diagnosis: Option<String>,
    /// Its last lines on stderr, oldest first, cut and redacted, or those from the error that ended
    /// it on; only of a run that failed.
    pub last_lines: Arc<[String]>,
    /// The most memory that one of its processes ever held, in bytes; `None` where that is less
    /// than arcanos itself uses, which hides it.
    pub peak_memory: Option<u64>,
    /// How many processes outlived its first one until they were killed, as it was stopped.
    pub killed_remains: usize,
}

/// What kind of message a worker sent on its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActivityKind {
    /// What it does now.
    Activity,
    /// A line for the log.
    Log,
    /// Why it will exit.
    ExitReason,
    /// The result of its task.
    Result,
}

/// Something a worker said on its channel.
#[derive(Clone, Debug)]
pub struct LastActivity {
    /// When.
    pub at: Stamp,
    /// What kind of message it was.
    pub kind: ActivityKind,
    /// What, on one line, cut and redacted.
    pub message: String,
}

/// What a worker has written since arcanos started. Shared with whoever writes it down.
#[derive(Debug, Default)]
pub struct LogCounters {
    /// Bytes of its output that arrived.
    pub bytes: AtomicU64,
    /// Line ends among them.
    pub lines: AtomicU64,
    /// Bytes that could not be written to its file, and frames of its channel that were skipped.
    pub dropped: AtomicU64,
}

impl LogCounters {
    /// The counts now.
    #[must_use]
    pub fn read(&self) -> LogCounts {
        LogCounts {
            bytes: self.bytes.load(Ordering::Relaxed),
            lines: self.lines.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

/// A reading of [`LogCounters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogCounts {
    /// See [`LogCounters::bytes`].
    pub bytes: u64,
    /// See [`LogCounters::lines`].
    pub lines: u64,
    /// See [`LogCounters::dropped`].
    pub dropped: u64,
}
