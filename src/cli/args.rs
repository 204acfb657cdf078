//! The command line as types, with the help texts.
//!
//! What a subcommand does is in the file of its name.

mod values;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use jiff::Timestamp;

use crate::config::Override;
pub(super) use values::parse_override;
use values::{parse_duration, parse_signal, parse_since};

/// The config file where `--config` names none.
pub(crate) const DEFAULT_CONFIG: &str = "arcanos.toml";

/// The most lines that the status server gives at once.
pub(crate) const MAX_LINES: u16 = 5000;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed; an unknown worker or file, too
  2    bad usage or a bad config
  3    another arcanos is already running on this state directory
  4    cannot listen on `server.listen`
  5    no running arcanos to talk to
  130  ended by a second Ctrl-C (143: by a second SIGTERM)";

const EXAMPLES: &str = "\
Examples:
  arcanos init                   write arcanos.toml and a sample worker
  arcanos                        supervise the workers, serve the status page
  arcanos status --watch         look at the workers, live
  arcanos logs goalWatcher -f    follow what one worker writes
  arcanos why workers/new.js     ask why a file is a worker, or is none";

/// Runs the AI workers in a folder and keeps them alive.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "arcanos",
    version,
    about = "Runs the AI workers in a folder and keeps them alive",
    long_about = "Finds the AI workers in a folder, runs each as a process of its own, \
                  keeps it\nalive, and follows every change of the folder and of \
                  arcanos.toml.\n\nWithout a command, arcanos does what `arcanos run` does.",
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"),
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do; nothing is `run`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What holds for every command.
#[derive(Clone, Debug, Default, Args)]
pub struct Globals {
    /// The config file [default: ./arcanos.toml]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// The profile [default: $ARCANOS_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Set one key of the config; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = parse_override)]
    pub set: Vec<Override>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands of arcanos.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Supervise the workers and serve the status page, until a signal
    #[command(after_help = "\
Examples:
  arcanos run
  arcanos run --profile production
  ARCANOS__SERVER__LISTEN=127.0.0.1:8080 arcanos

Ctrl-C or SIGTERM stops all workers and ends arcanos; a second one kills them.
SIGHUP reads the config anew and reopens the logs.")]
    Run,
    /// Supervise the workers without a status server
    StartWorkers(StartWorkers),
    /// Validate the config and print what arcanos would do
    #[command(after_help = "\
Examples:
  arcanos check
  arcanos check --profile production --json

Exits with 2 and names every fault by line and column if the config is bad.
If an arcanos runs, the plan is the difference from what runs:
  + starts   - stops   ~ restarts")]
    Check,
    /// List the files of the folder with the verdict on each
    #[command(after_help = "\
Examples:
  arcanos scan
  arcanos scan --json | jq '.files[] | select(.verdict == \"rejected\")'")]
    Scan,
    /// Explain why a file is a worker or none, and how a worker fares
    Why(Why),
    /// Show the workers of the running arcanos
    Status(Status),
    /// Show what workers wrote and what became of them
    Logs(Logs),
    /// Start workers that do not run
    Start(Workers),
    /// Stop workers until they are started again
    Stop(Workers),
    /// Stop workers and start them anew
    Restart(Workers),
    /// Send a signal to the first process of a worker's run
    Signal(Signal),
    /// Run a worker once, now, with an input
    RunTask(RunTask),
    /// Make the running arcanos look at config and folder now
    #[command(after_help = "\
Changes are followed by themselves; this waits until they are applied and says
what came of it. Exits with 2 if the config is bad (what runs then goes on).")]
    Reload,
    /// Write a commented arcanos.toml and a sample worker
    #[command(after_help = "\
Examples:
  arcanos init && arcanos

What is there already is left as it is.")]
    Init,
    /// Print the JSON Schema of arcanos.toml
    #[command(after_help = "\
Examples:
  arcanos schema > arcanos.schema.json")]
    Schema,
    /// Print the completions for a shell
    #[command(after_help = "\
Examples:
  arcanos completions bash > ~/.local/share/bash-completion/completions/arcanos
  arcanos completions zsh  > ~/.zfunc/_arcanos
  arcanos completions fish > ~/.config/fish/completions/arcanos.fish

They complete the ids of workers, too.")]
    Completions {
        /// The shell
        shell: SupportedShell,
    },
    /// Print the man page
    #[command(after_help = "\
Examples:
  arcanos man | man -l -
  arcanos man > /usr/local/share/man/man1/arcanos.1")]
    Man,
    /// Print the ids of all workers, for completions
    #[command(name = "__ids", hide = true)]
    Ids,
}

/// The shells there are completions for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SupportedShell {
    /// GNU bash.
    Bash,
    /// Z shell.
    Zsh,
    /// fish.
    Fish,
}

impl From<SupportedShell> for Shell {
    fn from(shell: SupportedShell) -> Self {
        match shell {
            SupportedShell::Bash => Self::Bash,
            SupportedShell::Zsh => Self::Zsh,
            SupportedShell::Fish => Self::Fish,
        }
    }
}

/// `arcanos start-workers`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  arcanos start-workers
  arcanos start-workers --every 5m

Prints a line on the state of the workers at intervals. Commands that talk to
a running arcanos (status, logs, …) need `arcanos run`.")]
pub struct StartWorkers {
    /// How often the status line is printed
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub every: Duration,
}

/// `arcanos why`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  arcanos why workers/goalWatcher.js
  arcanos why goalWatcher")]
pub struct Why {
    /// A file of the folder, or the id of a worker
    #[arg(value_name = "FILE|ID")]
    pub target: OsString,
}

/// `arcanos status`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  arcanos status
  arcanos status --watch
  arcanos status --json | jq .summary")]
pub struct Status {
    /// Follow until Ctrl-C: the table, or a JSON line a change
    #[arg(long, short)]
    pub watch: bool,
}

/// `arcanos logs`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  arcanos logs goalWatcher
  arcanos logs goalWatcher -f -n 200
  arcanos logs goalWatcher --stream stderr --since 10m
  arcanos logs --all -f

Where no arcanos runs, and for workers that are gone, the last lines come from
the files of the logs.")]
pub struct Logs {
    /// The worker
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub worker: Option<String>,
    /// All workers together
    #[arg(long)]
    pub all: bool,
    /// Go on with what comes, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// How many lines of the past, up to 5000 [default: 50]
    #[arg(
        long,
        short = 'n',
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(0..=i64::from(MAX_LINES))
    )]
    pub lines: Option<u16>,
    /// Only this: stdout, stderr, activity or lifecycle
    #[arg(long, value_name = "STREAM", hide_possible_values = true)]
    pub stream: Option<StreamName>,
    /// Only since then: 10m, or 2026-11-23T17:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    pub since: Option<Timestamp>,
}

/// The ways in which a line can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StreamName {
    /// What the worker wrote to stdout.
    Stdout,
    /// What the worker wrote to stderr.
    Stderr,
    /// What the worker said on its channel.
    Activity,
    /// What arcanos did with the worker.
    Lifecycle,
}

impl StreamName {
    /// The word in a query.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Activity => "activity",
            Self::Lifecycle => "lifecycle",
        }
    }
}

/// `arcanos start`, `arcanos stop` and `arcanos restart`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  arcanos stop goalWatcher planner
  arcanos restart --all

Waits until it is done; exits with 1 and the reason if it does not come about.
`start --all` leaves out workers that wait for their schedule, `restart --all`
those that a person has stopped, both those with `enabled = false`.")]
pub struct Workers {
    /// The workers
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub workers: Vec<String>,
    /// Every worker
    #[arg(long)]
    pub all: bool,
    /// Do not wait until it is done
    #[arg(long)]
    pub no_wait: bool,
}

/// `arcanos signal`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  arcanos signal goalWatcher SIGUSR2
  arcanos signal goalWatcher hup

The signal goes to the run's first process alone. An end by it is an end like
any other: the worker is restarted as its settings say. To stop a worker, use
`arcanos stop`.")]
pub struct Signal {
    /// The worker
    #[arg(value_name = "ID")]
    pub worker: String,
    /// The signal: SIGUSR2, usr2 or 12
    #[arg(value_name = "SIGNAL", value_parser = parse_signal)]
    pub signal: i32,
}

/// `arcanos run-task`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  arcanos run-task summarise
  arcanos run-task summarise --input '{\"url\":\"https://example.org\"}'
  arcanos run-task summarise --input - < input.json

A script that runs gets the input as a message on its channel.")]
pub struct RunTask {
    /// The worker
    #[arg(value_name = "ID")]
    pub worker: String,
    /// The input, one JSON value; `-` reads it from stdin
    #[arg(long, value_name = "JSON")]
    pub input: Option<String>,
    /// Do not wait until it runs
    #[arg(long)]
    pub no_wait: bool,
}

/// The command line as clap knows it, for completions and the man page.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// The command line without what is hidden from people, for completions: clap would offer it.
pub(crate) fn visible_command() -> clap::Command {
    let full = command();
    let bare = clap::Command::new("arcanos").version(env!("CARGO_PKG_VERSION"));
    let shown = full.get_subcommands().filter(|sub| !sub.is_hide_set()).cloned();
    Globals::augment_args(bare).disable_help_subcommand(true).subcommands(shown)
}

#[cfg(test)]
mod tests;
