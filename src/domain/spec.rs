//! The specification of a worker: how it is launched, and the policies it lives by.
//!
//! Invariant: [`Launch`] holds all that only a new process can take up, [`Policy`] all that a
//! living run can. `==` on each half is the whole question whether an edit restarts a worker.
//!
//! A spec can be serialized, to be handed to the next program of arcanos. Its words, such as those
//! of [`OnChange`], are the words of `arcanos.toml`; `config::words` reads both.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::WorkerId;

/// A worker as it should run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerSpec {
    /// Its name.
    pub id: WorkerId,
    /// Its file, relative to the folder of workers.
    pub file: PathBuf,
    /// The name of the discovery rule that accepted the file.
    pub rule: String,
    /// The model it is told to use: its `AI_MODEL`.
    pub model: Option<String>,
    /// What a new process is needed for.
    pub launch: Launch,
    /// What changes in place.
    pub policy: Policy,
    /// Whether no `OPENAI_API_KEY` of the owner's reaches it; said at each launch.
    pub lacks_key: bool,
    /// What its owner should know; changes restart nobody.
    pub warnings: Vec<String>,
    /// Why no run may begin, though one that runs goes on: anyone may write to what it runs.
    pub untrusted: Option<String>,
}

/// All that makes one process of a worker what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// The program, a path or a name to be looked up on the worker's `PATH`.
    pub program: String,
    /// Its arguments.
    pub args: Vec<Argument>,
    /// The worker's file, absolute, links not followed.
    pub file: PathBuf,
    /// The environment, but for what differs from run to run.
    pub env: EnvMap,
    /// The working directory, absolute.
    pub cwd: PathBuf,
    /// Whether the run gets a Node channel.
    pub ipc: bool,
    /// Whether the file's default export is called.
    pub mode: Mode,
    /// Limits on what the run may use.
    pub limits: Limits,
    /// The system user to run as; `None` is the user of arcanos.
    pub user: Option<String>,
    /// The content of the file and of all that it imports locally.
    pub fingerprint: Fingerprint,
}

/// One argument of a command, with every placeholder filled in but `{file}`.
///
/// The path that a program gets for `{file}` has no symbolic links in it, and links are followed
/// only when a run is spawned: so the places where it belongs are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// What stands before the first `{file}`; without one the whole argument.
    before: String,
    /// What follows each `{file}`.
    after_files: Vec<String>,
}

impl Argument {
    /// The argument that the config writes like this; `fill` fills in all placeholders but
    /// `{file}`.
    #[must_use]
    pub fn template(text: &str, fill: impl Fn(&str) -> String) -> Self {
        let mut parts = text.split("{file}").map(fill);
        Self { before: parts.next().unwrap_or_default(), after_files: parts.collect() }
    }

    /// An argument that is passed as it is.
    #[must_use]
    pub const fn literal(text: String) -> Self {
        Self { before: text, after_files: Vec::new() }
    }

    /// The argument for a run of the file at this path.
    #[must_use]
    pub fn for_file(&self, file: &str) -> String {
        let mut text = self.before.clone();
        for after in &self.after_files {
            text.push_str(file);
            text.push_str(after);
        }
        text
    }
}

/// A digest of content, the same in every program and version. Shown and serialized as 32
/// hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u128);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map(Self).map_err(de::Error::custom)
    }
}

/// Environment variables. `Debug` shows their names only: a value may be a secret.
///
/// Serialized with their values, as part of a spec that is handed to the next program of arcanos.
/// Nothing that is serialized to be shown may hold them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvMap(pub BTreeMap<String, String>);

impl fmt::Debug for EnvMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// How a worker's file is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A task if it has a default export that is a function, else a script.
    Auto,
    /// Run, and nothing more.
    Script,
    /// Its default export is called; without one the run fails.
    Task,
}

impl Mode {
    /// The word in `arcanos.toml` and in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Script => "script",
            Self::Task => "task",
        }
    }
}

/// What a run may use at most; `None` is no limit of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory of all its processes, in bytes.
    pub memory: Option<u64>,
    /// Open descriptors of each of its processes.
    pub open_files: Option<u64>,
    /// Processor time, in processors (0.5 is half of one).
    pub cpu: Option<f64>,
}

/// The rules a worker lives by; each can change while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether it should run at all.
    pub enabled: bool,
    /// What follows an exit.
    pub restart: RestartPolicy,
    /// When a run counts as ready.
    pub start: StartPolicy,
    /// How a run is ended.
    pub stop: StopPolicy,
    /// What an edit of its launch does to a run.
    pub reload: OnChange,
    /// When it runs by the clock.
    pub schedule: Option<SchedulePolicy>,
}

/// What follows an exit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestartPolicy {
    /// After which exits it runs again.
    pub policy: RestartWhen,
    /// How many restarts in a row are tried.
    pub max_attempts: Attempts,
    /// The delay before the first attempt.
    pub delay: Duration,
    /// How the delay grows.
    pub backoff: Backoff,
    /// The longest delay.
    pub max_delay: Duration,
    /// Each delay is spread by ± this share of it, 0 to 1.
    pub jitter: f64,
    /// A run that lasted this long clears the count.
    pub reset_after: Duration,
}

/// After which exits a worker runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartWhen {
    /// After a failure.
    OnFailure,
    /// After every exit.
    Always,
    /// After none.
    Never,
}

/// A count of attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attempts {
    /// At most so many.
    Max(u32),
    /// As often as it takes.
    Unlimited,
}

/// How the delay between attempts grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backoff {
    /// Doubles with each attempt.
    Exponential,
    /// Stays as it is.
    Fixed,
}

/// When a run counts as ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartPolicy {
    /// The rule.
    pub ready: ReadyRule,
    /// For [`ReadyRule::Alive`]: ready once it has been up so long.
    pub alive_after: Duration,
    /// Not ready by then: stopped, and counted as failed.
    pub timeout: Duration,
    /// The longest time for one run; `None` is no limit.
    pub run_timeout: Option<Duration>,
}

/// What shows that a run is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadyRule {
    /// That it is still up after `alive_after`.
    Alive,
    /// That it says so on its channel.
    Message,
}

/// How a run is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopPolicy {
    /// The signal that asks, as a number.
    pub signal: i32,
    /// How long it may take before everything is killed.
    pub timeout: Duration,
}

/// What an edit does to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnChange {
    /// The old run is stopped, then the new one started.
    Replace,
    /// The new run starts beside the old one, which is stopped once the new one is ready.
    Overlap,
    /// The run is left alone until a person restarts it.
    Manual,
}

/// When a worker runs by the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulePolicy {
    /// The cron expression, or `every 10m`; checked.
    pub expression: String,
    /// The IANA name of the zone that a cron expression is read in; `None` is local time.
    pub timezone: Option<String>,
    /// Whether it also runs when arcanos or the worker first comes up.
    pub run_at_start: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_filled_in_where_the_config_names_it_and_nowhere_else() {
        let fill = |part: &str| part.replace("{id}", "{file}");
        for (template, expected) in [
            ("{file}", "/real/a.js"),
            ("--main={file}:{file}!", "--main=/real/a.js:/real/a.js!"),
            ("-u", "-u"),
            ("", ""),
            // What another placeholder stands for is not searched for placeholders.
            ("{id}", "{file}"),
        ] {
            assert_eq!(Argument::template(template, fill).for_file("/real/a.js"), expected);
        }
        assert_eq!(Argument::literal("{file}".to_owned()).for_file("/real/a.js"), "{file}");
    }
}
