//! [`Config`]: the checked config. Nothing in it is missing, unparsed or out of range.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use super::secret::{NamedSecret, Secret};
use crate::domain::{
    Concurrency, EnvMap, Limits, Mode, OnChange, Policy, Probe, RestartPolicy, SchedulePolicy,
    StartPolicy, Stdin, StopPolicy, WorkerId,
};

/// Everything `arcanos.toml` and the layers above it say, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The active profile.
    pub profile: String,
    /// `[discovery]`.
    pub discovery: Discovery,
    /// `[env]`.
    pub env: Env,
    /// `[model]`.
    pub model: Model,
    /// `[restart]`, `[start]`, `[stop]`, `[reload]`: what a worker without settings lives by.
    pub restart: RestartPolicy,
    /// `[start]`, but for `concurrency`.
    pub start: StartPolicy,
    /// `liveness.probe`, if it has something to ask; the environment of its command is still empty.
    pub probe: Option<Arc<Probe>>,
    /// `start.concurrency`.
    pub concurrency: Concurrency,
    /// `[stop]`.
    pub stop: StopPolicy,
    /// `reload.on_change`.
    pub on_change: OnChange,
    /// `[log]`.
    pub log: Log,
    /// `[server]`.
    pub server: Server,
    /// `state.directory`, absolute.
    pub state_directory: PathBuf,
    /// `[workers.ID]`, by id; what a table does not say is filled in from the sections above.
    pub workers: BTreeMap<String, WorkerSettings>,
    /// The ids in `workers` that only variables name: their case does not matter.
    pub ids_of_variables: BTreeSet<String>,
    /// Every value that must never be seen, with its name, from wherever it came.
    pub secrets: Vec<NamedSecret>,
}

/// `[discovery]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Discovery {
    /// The folder, absolute, links not followed.
    pub directory: PathBuf,
    /// Globs of paths, relative to the folder, that are passed over.
    pub ignore: Vec<String>,
    /// Whether folders in it hold workers too.
    pub recursive: bool,
    /// How often the folder is scanned without an event that asks for it.
    pub scan_interval: Duration,
    /// How changes are noticed.
    pub watch: Watch,
    /// What becomes of what anyone may write to.
    pub world_writable: WorldWritable,
    /// How packages are installed.
    pub prepare: Prepare,
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

/// How packages are installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prepare {
    /// By the package manager that the lock file belongs to.
    Auto,
    /// By this command, whatever the lock file; an empty one is never.
    Command(Vec<String>),
}

/// How changes are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// By the system's events, or by looking where there are none.
    Auto,
    /// By the system's events; a problem if there are none.
    Native,
    /// Only by looking.
    Poll,
}

/// What becomes of a file or folder that anyone may write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorldWritable {
    /// Nothing new starts from it.
    Reject,
    /// It runs, with a warning.
    Warn,
}

/// One of `[[discovery.rules]]`. Globs and regexes are known to compile.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Globs on the file name.
    pub files: Vec<String>,
    /// Packages, one of which the file must import; empty sets no condition.
    pub imports: Vec<String>,
    /// Regexes, one of which must match; empty sets no condition.
    pub any: Vec<String>,
    /// Regexes that must all match.
    pub all: Vec<String>,
    /// Regexes none of which may match.
    pub none: Vec<String>,
    /// What the regexes look at.
    pub on: View,
    /// Program and arguments, with `{file}`, `{id}` and `{dir}`.
    pub command: Vec<String>,
    /// Whether a run gets a Node channel.
    pub ipc: bool,
    /// How the file is used.
    pub mode: Mode,
}

/// What a rule's regexes look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The text with comments and strings blanked (JavaScript).
    Code,
    /// The text as it is.
    Raw,
}

/// `[env]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Env {
    /// All that arcanos itself has: its environment over the dotenv files.
    pub available: EnvMap,
    /// What of that `inherit` passes on.
    pub inherited: EnvMap,
    /// `[env.set]`, interpolated; variables whose `${NAME}` is not set are left out.
    pub set: EnvMap,
    /// Names of variables whose values are secret, as globs.
    pub secret: Vec<String>,
}

/// `[model]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Where the workers' requests go.
    pub upstream: Upstream,
    /// Whether key and model are tried once.
    pub preflight: bool,
}

/// Where the workers' requests go; `auto` is already decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// OpenAI itself: the SDK's own address.
    OpenAi,
    /// An OpenAI-compatible server, by its base URL without a trailing slash.
    Http(String),
    /// The built-in stand-in.
    Echo,
}

/// Stands for the stand-in's address before there is one: that there is one is what counts.
const NO_ADDRESS_YET: &str = "http://127.0.0.1/v1";

impl Upstream {
    /// The base URL that workers get, given where the stand-in listens if it does.
    #[must_use]
    pub fn base_url(&self, stand_in: Option<String>) -> Option<String> {
        match self {
            Self::OpenAi => None,
            Self::Http(url) => Some(url.clone()),
            Self::Echo => stand_in.or_else(|| Some(NO_ADDRESS_YET.to_owned())),
        }
    }
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// The session log, absolute.
    pub session: PathBuf,
    /// The folder of the workers' files, absolute.
    pub directory: PathBuf,
    /// What goes into the session log.
    pub includes: BTreeSet<LogKind>,
    /// How it is written.
    pub format: LogFormat,
    /// The filter of arcanos's own tracing on stderr.
    pub level: String,
    /// Bytes at which a log is rotated.
    pub max_size: u64,
    /// Rotated files kept, per log.
    pub keep: u32,
    /// Bytes of a line that are shown elsewhere than in the worker's file.
    pub max_line: usize,
    /// Patterns of what must never be seen.
    pub redact: Vec<String>,
}

/// A kind of line in the session log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogKind {
    /// What arcanos does with a worker.
    Lifecycle,
    /// What a worker says on its channel.
    Activity,
    /// What a worker writes.
    Output,
}

/// How the session log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `[TIME] [ID] text`.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[server]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What every client must show; `None` is nothing, and only good on loopback.
    pub token: Option<Secret>,
    /// Host names accepted beside loopback ones and the listen address, lower case.
    pub allowed_hosts: Vec<String>,
    /// Connections at once.
    pub max_connections: usize,
}

/// `[workers.ID]` over the sections above it.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerSettings {
    /// Whether it should run.
    pub enabled: bool,
    /// The file that it is by declaration, absolute.
    pub file: Option<PathBuf>,
    /// When it runs by the clock.
    pub schedule: Option<SchedulePolicy>,
    /// The ids of the workers that it is launched after.
    pub after: Vec<WorkerId>,
    /// Globs of other files whose change replaces its run, from the folder of the config.
    pub watch: Vec<String>,
    /// Arguments after the rule's command.
    pub args: Vec<String>,
    /// The working directory, absolute; `None` is the folder of the config.
    pub cwd: Option<PathBuf>,
    /// Variables over those of `[env]`.
    pub env: EnvMap,
    /// `[restart]` with this worker's changes.
    pub restart: RestartPolicy,
    /// `[start]` with this worker's changes.
    pub start: StartPolicy,
    /// `liveness.probe` with this worker's changes.
    pub probe: Option<Arc<Probe>>,
    /// `[stop]` with this worker's changes.
    pub stop: StopPolicy,
    /// `[reload]` with this worker's changes.
    pub on_change: OnChange,
    /// Instead of the rule's.
    pub mode: Option<Mode>,
    /// Instead of the rule's.
    pub command: Option<Vec<String>>,
    /// What its runs find on stdin.
    pub stdin: Stdin,
    /// Limits on its runs.
    pub limits: Limits,
    /// The system user it runs as.
    pub user: Option<String>,
    /// Whether its programs may raise their rights.
    pub new_privileges: bool,
}

impl Config {
    /// The settings of this worker: its table, or what a worker without one has.
    #[must_use]
    pub fn worker(&self, id: &str) -> Cow<'_, WorkerSettings> {
        let own = self.workers.get(id).or_else(|| {
            let named =
                self.ids_of_variables.iter().find(|named| named.eq_ignore_ascii_case(id))?;
            self.workers.get(named)
        });
        own.map_or_else(|| Cow::Owned(self.default_worker()), Cow::Borrowed)
    }

    /// What a worker without a table has.
    #[must_use]
    pub fn default_worker(&self) -> WorkerSettings {
        WorkerSettings {
            enabled: true,
            file: None,
            schedule: None,
            after: Vec::new(),
            watch: Vec::new(),
            args: Vec::new(),
            cwd: None,
            env: EnvMap::default(),
            restart: self.restart,
            start: self.start.clone(),
            probe: self.probe.clone(),
            stop: self.stop,
            on_change: self.on_change,
            mode: None,
            command: None,
            stdin: Stdin::default(),
            limits: Limits::default(),
            user: None,
            new_privileges: false,
        }
    }
}

impl WorkerSettings {
    /// The half that changes in place; without `after`, of which only the ids of workers that are
    /// there count.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            enabled: self.enabled,
            restart: self.restart,
            start: self.start.clone(),
            probe: self.probe.clone(),
            stop: self.stop,
            reload: self.on_change,
            schedule: self.schedule.clone(),
            after: Vec::new(),
        }
    }
}
