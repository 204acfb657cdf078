//! The raw config: `arcanos.toml` as serde reads it, every key optional, no key unknown.
//!
//! The doc comments are the descriptions in the schema, written for who edits the file. What a
//! key is when nobody sets it stands in `defaults.toml`, and only there.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    model::{LogFormat, LogKind, Prepare, View, Watch, WorldWritable},
    values::{
        AttemptLimit, ByteSize, Count, ExitCode, HumanDuration, LaunchLimit, PositiveDuration,
        Processors, Share, Signal, TimeLimit,
    },
};
use crate::domain::{
    Backoff, CatchUp, Mode, OnChange, ReadyRule, RestartWhen, Stdin, StopMessage, StopTarget,
};

/// A table that can lie over another one.
pub(super) trait Overlay {
    /// This table, and the other's value of each key that this one does not have.
    fn over(self, base: &Self) -> Self;
}

/// Makes a table of optional keys in which no other key may stand.
macro_rules! table {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[$doc])* pub(super) $key: Option<$type>,)*
        }

        impl Overlay for $name {
            fn over(self, base: &Self) -> Self {
                Self { $($key: self.$key.or_else(|| base.$key.clone()),)* }
            }
        }
    };
}

/// Makes a table of all sections, and of what else it is given.
macro_rules! sections {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $key:ident: $type:ty,)* }) => {
        table! {
            $(#[$about])*
            $name {
                /// Which files are workers, and how they are run.
                discovery: RawDiscovery,
                /// The environment of the workers.
                env: RawEnv,
                /// Where the workers' requests to a model go.
                model: RawModel,
                /// What follows when a worker exits.
                restart: RawRestart,
                /// When a started worker counts as running.
                start: RawStart,
                /// Whether a worker that runs still works.
                liveness: RawLiveness,
                /// How a worker is stopped.
                stop: RawStop,
                /// What an edit of a worker's file or settings does to it.
                reload: RawReload,
                /// Where output goes, and what of it is shown.
                log: RawLog,
                /// The status server and dashboard.
                server: RawServer,
                /// What arcanos keeps for itself.
                state: RawState,
                /// Settings of single workers, by id, over the sections above.
                workers: BTreeMap<String, RawWorker>,
                $($(#[$doc])* $key: $type,)*
            }
        }
    };
}

sections! {
    /// The config of arcanos, a supervisor of AI workers. Every key is optional.
    RawFile {
        /// Settings that hold only under a profile, over those of the file; chosen by
        /// `--profile`, `ARCANOS_PROFILE`, or `NODE_ENV=production`.
        profiles: BTreeMap<String, RawConfig>,
    }
}

sections! {
    /// Settings that hold under this profile.
    RawConfig {}
}

table! {
    /// Which files are workers, and how they are run.
    RawDiscovery {
        /// The folder of workers, created if missing. Relative to the folder of the config.
        directory: String,
        /// Globs of paths in the folder that are passed over.
        ignore: Vec<String>,
        /// Whether folders in the folder hold workers too.
        recursive: bool,
        /// How often the folder is looked at even if nothing seems to have changed.
        scan_interval: PositiveDuration,
        /// How changes are noticed: by the system's events, by looking, or by what works.
        watch: Watch,
        /// How packages are installed before workers start: `auto`, by the lock file in the
        /// folder or above it, or a command as a list; an empty list is never.
        prepare: Prepare,
        /// Whether what anyone may write to is rejected, or runs with a warning: on mounts
        /// without modes.
        world_writable: WorldWritable,
        /// The rules that accept files, the first match wins. A list here replaces the default.
        rules: Vec<RawRule>,
    }
}

table! {
    /// A rule that accepts files as workers. It needs `name`, `files` and `command`.
    RawRule {
        /// The name by which verdicts call the rule.
        name: String,
        /// Globs on the file name.
        files: Vec<String>,
        /// Packages of JavaScript, TypeScript or Python, one of which the file, or a local file it
        /// imports, must import.
        imports: Vec<String>,
        /// Regexes, one of which must match.
        any: Vec<String>,
        /// Regexes that must all match.
        all: Vec<String>,
        /// Regexes none of which may match.
        none: Vec<String>,
        /// What the regexes look at: the text as it is, or its code only (JavaScript,
        /// TypeScript, Python).
        on: View,
        /// Program and arguments; `{file}`, `{id}` and `{dir}` are filled in.
        command: Vec<String>,
        /// Whether the worker gets the channel of Node's fork(); by default if it is run by node.
        ipc: bool,
        /// Whether the file is run, or its default export is called, or what fits it.
        mode: Mode,
    }
}

table! {
    /// The environment of the workers.
    RawEnv {
        /// Names and globs of variables that are passed on; `["*"]` is all of them.
        inherit: Vec<String>,
        /// Dotenv files, read as `node --env-file` reads them: no `$` is expanded. Followed
        /// like the config; the environment of arcanos wins over them.
        files: Vec<String>,
        /// Globs of names of variables whose values are never shown, in upper or lower case.
        secret: Vec<String>,
        /// Variables given to every worker. One with a `${NAME}` that is not set is left out.
        set: BTreeMap<String, String>,
    }
}

table! {
    /// Where the workers' requests to a model go.
    RawModel {
        /// `openai`, the URL of an OpenAI-compatible server, `echo` (a built-in stand-in),
        /// or `auto`, which takes OPENAI_BASE_URL, else what fits key and profile.
        #[schemars(schema_with = "super::schema::upstream")]
        upstream: String,
        /// Whether key and model are tried once at the start.
        preflight: bool,
    }
}

table! {
    /// What follows when a worker exits.
    RawRestart {
        /// After which exits the worker is started again.
        policy: RestartWhen,
        /// How many restarts in a row are tried before the worker is failed.
        max_attempts: AttemptLimit,
        /// The delay before the first restart.
        delay: HumanDuration,
        /// Whether the delay doubles with each attempt.
        backoff: Backoff,
        /// The longest delay.
        max_delay: HumanDuration,
        /// Each delay is spread by plus or minus this share of it.
        jitter: Share,
        /// A run that lasted this long clears the count of attempts.
        reset_after: HumanDuration,
        /// Exit codes that count as success. A list here replaces the default.
        success_codes: Vec<ExitCode>,
    }
}

table! {
    /// When a started worker counts as running.
    RawStart {
        /// What shows that it is ready: being alive, its message on the channel, a success of the
        /// probe of `[liveness]`, or a line it prints.
        ready: ReadyRule,
        /// The regex that finds this line, on stdout or stderr, for `ready = "line"`.
        ready_line: String,
        /// How long it must have been up, for `ready = "alive"`.
        alive_after: HumanDuration,
        /// A run that is not ready by then is stopped and counts as failed.
        timeout: PositiveDuration,
        /// How many launched runs may not be up yet (ready, exited or `alive_after` old), over all workers; `auto` launches one after the other, every 250 ms while no processor is free.
        concurrency: LaunchLimit,
        /// The longest time for one run; a longer one is stopped and counts as failed.
        run_timeout: TimeLimit,
    }
}

table! {
    /// Whether a worker that runs still works.
    RawLiveness {
        /// What a run is asked again and again. It needs `http` or `command`.
        probe: RawProbe,
    }
}

table! {
    /// What a run is asked again and again: a URL or a command.
    RawProbe {
        /// A URL whose status must be 200 to 399, as `http://127.0.0.1:8080/healthz`.
        http: String,
        /// Program and arguments, whose exit code must be 0. It runs in the folder of the config
        /// with the environment of `[env]`.
        command: Vec<String>,
        /// How often it is asked.
        every: PositiveDuration,
        /// How long the answer may take.
        timeout: PositiveDuration,
        /// After so many failures in a row the run is stopped and counts as failed.
        failures: Count,
    }
}

table! {
    /// How a worker is stopped.
    RawStop {
        /// The signal that asks it to end.
        signal: Signal,
        /// Who gets the signal: everything that the run started, or its first process alone.
        to: StopTarget,
        /// The message before the signal on a Node channel: an object, for workers that have spoken, or PM2's string "shutdown", after which the signal waits for half of the timeout.
        message: StopMessage,
        /// How long everything that it started may take before it is killed.
        timeout: HumanDuration,
    }
}

table! {
    /// What an edit of a worker's file or settings does to it.
    RawReload {
        /// Stop then start, start beside the old run, or wait for a person.
        on_change: OnChange,
    }
}

table! {
    /// Where output goes, and what of it is shown.
    RawLog {
        /// The session log: what all workers do and say, in order.
        session: String,
        /// The folder of the workers' own logs, one file each.
        directory: String,
        /// What goes into the session log.
        includes: Vec<LogKind>,
        /// How the session log is written.
        format: LogFormat,
        /// What arcanos says of itself on stderr; ARCANOS_LOG overrides it.
        level: String,
        /// The size at which a log is rotated.
        max_size: ByteSize,
        /// How many rotated files are kept, per log.
        keep: u32,
        /// How much of a line is shown elsewhere than in the worker's own log.
        max_line: ByteSize,
        /// Regexes of what must never be shown, beside the values of secret variables.
        redact: Vec<String>,
    }
}

table! {
    /// The status server and dashboard.
    RawServer {
        /// Where it listens, as HOST:PORT.
        listen: String,
        /// What every client must show, best 16 random characters; needed beyond loopback.
        token: String,
        /// A file that holds the token, instead of `token`.
        token_file: String,
        /// Host names accepted beside loopback ones and the listen address.
        allowed_hosts: Vec<String>,
        /// How many connections may be open at once.
        max_connections: Count,
    }
}

table! {
    /// What arcanos keeps for itself.
    RawState {
        /// The folder of the lock and of records of runs. A change needs a restart.
        directory: String,
    }
}

table! {
    /// Settings of one worker, over the sections of the same names.
    RawWorker {
        /// Whether it should run.
        enabled: bool,
        /// The file that it is, below the folder of the config, whatever rules say of it.
        file: String,
        /// When it runs: a cron expression, or `every 10m`.
        schedule: String,
        /// The time zone of the cron expression, as `Europe/Berlin`; local time without one.
        timezone: String,
        /// Whether it also runs at the start, beside its schedule.
        run_at_start: bool,
        /// Whether one run makes up for the cron ticks that were missed while arcanos was down or
        /// the machine slept.
        catch_up: CatchUp,
        /// Ids of workers that must be running or completed before it is launched; at the end it is stopped before them.
        after: Vec<String>,
        /// Globs below the folder of the config of other files whose change replaces its run.
        watch: Vec<String>,
        /// Arguments after the command of its rule.
        args: Vec<String>,
        /// Its working directory, relative to the folder of the config.
        cwd: String,
        /// Variables over those of `[env]`.
        env: BTreeMap<String, String>,
        /// What follows when it exits.
        restart: RawRestart,
        /// When it counts as running.
        start: RawStart,
        /// Whether it still works while it runs.
        liveness: RawLiveness,
        /// How it is stopped.
        stop: RawStop,
        /// What an edit of its file or settings does to it.
        reload: RawReload,
        /// Instead of its rule's mode.
        mode: Mode,
        /// Instead of its rule's command.
        command: Vec<String>,
        /// What its runs find on stdin: its end, or a pipe that stays open and empty.
        stdin: Stdin,
        /// What its runs may use at most.
        limits: RawLimits,
        /// The system user it runs as; needs root.
        user: String,
        /// Whether programs that raise their rights (`sudo`, `ping`) may do so in its runs.
        new_privileges: bool,
    }
}

table! {
    /// What a worker's runs may use at most.
    RawLimits {
        /// Memory of all its processes together; without a writable cgroup v2 it is looked at every 2 s.
        memory: ByteSize,
        /// Open files of each of its processes.
        open_files: Count,
        /// Processors, 0.5 being half of one; needs a writable cgroup v2.
        cpu: Processors,
    }
}
