//! The specification of a worker: how it is launched, and the policies it lives by.
//!
//! Invariant: [`Launch`] holds all that only a new process can take up, [`Policy`] all that a
//! living run can. `==` on each half is the whole question whether an edit restarts a worker.
//!
//! A spec can be serialized, to be handed to the next program of arcanos. Its words, such as those
//! of [`OnChange`], are the words of `arcanos.toml`; `config::words` reads both.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{EnvMap, Exit, Probe, SchedulePolicy, WorkerId, os_text};

/// A worker as it should run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerSpec {
    /// Its name.
    pub id: WorkerId,
    /// Its file, relative to the folder of workers.
    #[serde(with = "os_text")]
    pub file: PathBuf,
    /// The name of the discovery rule that accepted the file.
    pub rule: String,
    /// The model it is to use: its `AI_MODEL`.
    pub model: Option<String>,
    /// What a new process is needed for.
    pub launch: Launch,
    /// What changes in place.
    pub policy: Policy,
    /// Whether no `OPENAI_API_KEY` of the owner's reaches it; said at each launch.
    pub lacks_key: bool,
    /// What its owner should know; changes restart nobody.
    pub warnings: Vec<String>,
    /// Whether a run may begin though anyone may write to its file: `discovery.world_writable`.
    #[serde(default)]
    pub accepts_open: bool,
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
    #[serde(with = "os_text")]
    pub file: PathBuf,
    /// The environment, but for what differs from run to run.
    pub env: EnvMap,
    /// The working directory, absolute.
    #[serde(with = "os_text")]
    pub cwd: PathBuf,
    /// Whether the run gets a Node channel.
    pub ipc: bool,
    /// Whether the file's default export is called.
    pub mode: Mode,
    /// What the run finds on its stdin.
    #[serde(default)]
    pub stdin: Stdin,
    /// Limits on what the run may use.
    pub limits: Limits,
    /// The system user to run as; `None` is the user of arcanos.
    pub user: Option<String>,
    /// Whether its programs may raise their rights.
    #[serde(default)]
    pub new_privileges: bool,
    /// The content of the file and of all that it imports locally.
    pub fingerprint: Fingerprint,
}

/// One argument of a command, with every placeholder filled in but `{file}`, as [`os_text`] keeps
/// it.
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

/// What a run finds on its stdin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stdin {
    /// Its end.
    #[default]
    Null,
    /// Nothing, and no end while the run lasts.
    Open,
}

/// What a run may use at most; with `None`, arcanos sets no limit.
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
    /// How a run is asked whether it works, if it is.
    pub probe: Option<Arc<Probe>>,
    /// How a run is ended.
    pub stop: StopPolicy,
    /// What an edit of its launch does to a run.
    pub reload: OnChange,
    /// When it runs by the clock.
    pub schedule: Option<SchedulePolicy>,
    /// The workers that must be up, or done, before it is launched. All of them are known.
    pub after: Vec<WorkerId>,
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
    /// The exit codes that do not count as a failure.
    pub success_codes: ExitCodes,
}

/// A set of exit codes, a bit for each from 0 to 255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitCodes([u64; 4]);

impl ExitCodes {
    /// Whether this exit is by one of the codes. No signal is.
    #[must_use]
    pub fn includes(self, exit: Exit) -> bool {
        let code = exit.code().and_then(|code| u8::try_from(code).ok());
        code.is_some_and(|code| self.0[usize::from(code / 64)] & (1 << (code % 64)) != 0)
    }
}

impl FromIterator<u8> for ExitCodes {
    fn from_iter<I: IntoIterator<Item = u8>>(codes: I) -> Self {
        let mut set = [0; 4];
        for code in codes {
            set[usize::from(code / 64)] |= 1 << (code % 64);
        }
        Self(set)
    }
}

/// How many runs may launch at once, over all workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// One after the other: at once while a processor is free, else after a pause.
    Auto,
    /// So many that are not up yet.
    AtMost(usize),
    /// All.
    Unlimited,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartPolicy {
    /// The rule.
    pub ready: ReadyRule,
    /// For [`ReadyRule::Line`]: the regex, known to compile.
    pub ready_line: Option<String>,
    /// For [`ReadyRule::Alive`]: ready once it has been up so long.
    pub alive_after: Duration,
    /// Not ready by then: stopped, and counted as failed.
    pub timeout: Duration,
    /// The longest time for one run; `None` for no limit.
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
    /// That its probe succeeds.
    Probe,
    /// That it prints a line that `ready_line` matches.
    Line,
}

/// How a run is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopPolicy {
    /// The signal that asks, as a number.
    pub signal: i32,
    /// Which processes get the signal.
    pub to: StopTarget,
    /// The form of the message that precedes the signal on a Node channel.
    pub message: StopMessage,
    /// How long it may take before everything is killed.
    pub timeout: Duration,
}

/// Which processes of a run get the signal that asks it to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopTarget {
    /// Everything that the run started.
    Group,
    /// Its first process alone.
    Main,
}

/// The form of the message on a Node channel that asks a run to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopMessage {
    /// `{"type":"shutdown","timeoutMs":N}`, to a run that has spoken on its channel.
    Object,
    /// The string `"shutdown"` of PM2, to every run with a channel.
    String,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_exit_codes_includes_its_codes_and_no_signal() {
        let codes: ExitCodes = [0, 63, 64, 255].into_iter().collect();
        for code in 0..=300 {
            assert_eq!(
                codes.includes(Exit::Code(code)),
                [0, 63, 64, 255].contains(&code),
                "{code}"
            );
        }
        assert!(!codes.includes(Exit::Signal(0)) && !codes.includes(Exit::Code(-1)));
        assert!(!ExitCodes::default().includes(Exit::Code(0)));
    }

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
