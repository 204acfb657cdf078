//! Start, signals and shutdown of a supervisor, for `run` and `start-workers`.
//!
//! Up: config → state directory and lock → leftovers of a dead instance → address → logs →
//! engine. Everything that can refuse comes before anything is started.

mod shutdown;

use std::{
    future::Future,
    io,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

use self::shutdown::{Signals, shut_down};
use crate::{
    cli::{
        exit::{self, Failure},
        load::chain,
        preflight::Preflight,
        systemd::Systemd,
        telemetry::Telemetry,
    },
    config::Config,
    domain::os_text,
    engine::{self, Engine, Options},
    files::{
        logs::Logs,
        state::{Instance, Keeper, Lock, StateDir},
    },
    process,
    sync::lock,
    text::{Redactor, RetiredSecrets},
};

/// Threads of the runtime.
const THREADS: usize = 2;

/// How long the last lines may take to reach the disk. With the rest of the end, it must stay
/// within a second.
const FLUSH: Duration = Duration::from_millis(500);

/// How long the last lines on stderr may take.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// An engine at work.
pub(super) struct Supervision {
    pub(super) engine: Arc<Engine>,
    pub(super) state: Arc<StateDir>,
    telemetry: Telemetry,
    systemd: Systemd,
    signals: Signals,
    _keeper: Keeper,
}

/// Runs a supervisor to its end. Two threads are enough, for they never wait for a disk or a
/// process; whoever still waits for a disk at the end is left behind.
///
/// # Errors
/// Those of the supervisor, or the machine refuses.
pub(super) fn block_on(
    supervisor: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
    let refused = |error| Failure::new(exit::FAILED, format!("cannot start the runtime: {error}"));
    let runtime = runtime.map_err(refused)?;
    let outcome = runtime.block_on(supervisor);
    runtime.shutdown_background();
    outcome
}

/// Ends what a dead instance left, and starts the engine.
///
/// # Errors
/// What the machine refuses.
pub(super) async fn supervise(preflight: Preflight) -> Result<Supervision, Failure> {
    let Preflight { site, loaded, state, last, instance, lock } = preflight;
    let telemetry = Telemetry::install(&loaded.config.log.level);
    if rustix::process::geteuid().is_root() {
        tracing::info!("arcanos runs as root, and so does every worker without a `user`.");
    }
    let failed = |error: &dyn std::error::Error| Failure::new(exit::FAILED, chain(error));
    // Before there is anything that a signal could leave behind.
    let signals = Signals::new().map_err(|e| failed(&e))?;
    let state = Arc::new(state);
    end_leftovers(last).await;
    if let Err(error) = state.write_instance(&instance) {
        // Its keeper tries again, and shows it: a full disk keeps no worker from running.
        tracing::error!("{}; workers run all the same", chain(&error));
    }
    process::raise_descriptor_limit();
    process::forbid_core_dumps();
    let redactor =
        redactor_of(&loaded.config).map_err(|text| Failure::new(exit::BAD_USAGE, text))?;
    let logs = Logs::open(&loaded.config.log, redactor).map_err(|e| failed(&e))?;
    follow_config(&telemetry, &logs);
    say(&logs, &started(&loaded.config, &site.file));
    // Through the redactor: the message of a panic may hold anything, secrets too.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("Internal error, a bug in arcanos: {panic}")
    }));
    let on_config = Box::new(follower(telemetry.clone(), &loaded.config));
    let options = Options {
        source: site.into_source(),
        loaded,
        state: Arc::clone(&state),
        instance: instance.id,
        logs,
        on_config,
    };
    let own_logs = options.logs.clone();
    let engine = match Engine::start(options).await {
        Ok(engine) => engine,
        Err(error) => {
            let failure = Failure::new(exit::FAILED, chain(&error));
            say(&own_logs, &format!("arcanos stopped: {}", failure.message()));
            own_logs.flush(FLUSH).await;
            return Err(failure);
        }
    };
    let keeper = keep(&engine, &state, lock).map_err(|e| failed(&e))?;
    let systemd = Systemd::from_environment();
    let engine = Arc::new(engine);
    Ok(Supervision { engine, state, telemetry, systemd, signals, _keeper: keeper })
}

/// Keeps the state directory in place, and shows where that fails.
fn keep(engine: &Engine, state: &Arc<StateDir>, lock: Lock) -> io::Result<Keeper> {
    let handle = engine.handle();
    let path = os_text::shown_path(state.path());
    let report = Box::new(move |outcome: Result<(), String>| {
        match &outcome {
            Ok(()) => tracing::warn!("State directory `{path}` was gone or changed; made anew."),
            Err(error) => tracing::error!("State directory `{path}` cannot be kept: {error}"),
        }
        let problem = outcome.err().map(|error| format!("state.directory: {error}"));
        handle.set_problem("state", problem);
    });
    Keeper::start(Arc::clone(state), lock, report)
}

impl Supervision {
    /// Waits for a signal that ends arcanos, then ends all runs; a second signal kills them.
    /// Meanwhile `beside` goes on. It ends when `ending` is called, while the logs are written;
    /// after a second signal nothing is waited for any more.
    ///
    /// # Errors
    /// The exit code of a second signal.
    pub(super) async fn until_signal(
        mut self,
        ending: impl FnOnce(),
        beside: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let (engine, systemd) = (Arc::clone(&self.engine), &self.systemd);
        let (end, hurry) = (CancellationToken::new(), CancellationToken::new());
        let signals = &mut self.signals;
        let ended = async {
            let first = signals.first(&engine, systemd).await;
            let code = shut_down(&engine, signals, systemd).await;
            say(engine.handle().logs(), &format!("arcanos stopped: {}", reason(first, code)));
            if code == exit::DONE {
                ending();
                engine.handle().logs().flush(FLUSH).await;
            } else {
                hurry.cancel();
                engine.handle().logs().flush(LAST_WORDS).await;
            }
            end.cancel();
            code
        };
        let beside = hurry.run_until_cancelled(beside);
        let notifications = systemd.follow(self.engine.handle(), end.clone());
        let (code, _, ()) = tokio::join!(ended, beside, notifications);
        retire(&self.state).await;
        self.telemetry.flush(LAST_WORDS);
        match code {
            exit::DONE => Ok(()),
            code => Err(Failure::silent(code)),
        }
    }
}

/// Puts the record of this instance away; gives up where the disk hangs.
async fn retire(state: &Arc<StateDir>) {
    let state = Arc::clone(state);
    let retired = tokio::task::spawn_blocking(move || state.retire_instance());
    if let Ok(Ok(Err(error))) = tokio::time::timeout(LAST_WORDS, retired).await {
        tracing::warn!(error = %chain(&error), "Record of this instance cannot be put away.");
    }
}

/// Writes a line about arcanos itself to the session log and to stderr.
fn say(logs: &Logs, line: &str) {
    tracing::info!("{line}");
    logs.arcanos(line);
}

/// The line that says which arcanos has started.
fn started(config: &Config, file: &Path) -> String {
    format!(
        "arcanos {} started: pid {}, profile {}, config {}",
        env!("CARGO_PKG_VERSION"),
        std::process::id(),
        config.profile,
        os_text::shown_path(file)
    )
}

/// Why arcanos ended: the first signal, and the second one if there was one.
fn reason(first: &str, code: u8) -> String {
    match code {
        exit::SECOND_INTERRUPT => format!("{first}, then SIGINT; every worker was killed"),
        exit::SECOND_TERMINATE => format!("{first}, then SIGTERM; every worker was killed"),
        _ => first.to_owned(),
    }
}

/// Ends what the last arcanos here left running, if it died.
async fn end_leftovers(last: Option<Instance>) {
    // The record may be of one that lives: its directory was copied or moved here.
    let Some(last) = last.filter(|last| !last.is_alive()) else { return };
    let count = engine::end_leftovers(last.id).await;
    if count > 0 {
        tracing::warn!("Ended {count} processes that the last arcanos had left.");
    }
}

/// Lets arcanos's own messages pass the redactor of the logs.
fn follow_config(telemetry: &Telemetry, logs: &Logs) {
    let logs = logs.clone();
    telemetry.set_redactor(Arc::new(move |line: &str| logs.redact(line)));
}

/// What follows each new config: the level of arcanos's own messages, and what the logs hide. That is
/// what is secret now and, while runs that were started with it live, what was.
fn follower(telemetry: Telemetry, first: &Config) -> impl Fn(&Config, &Logs) + Send + Sync + use<> {
    let mut secrets = RetiredSecrets::default();
    secrets.follow(secrets_of(first), |_| true, Instant::now());
    let secrets = Mutex::new(secrets);
    move |config: &Config, logs: &Logs| {
        telemetry.set_level(&config.log.level);
        let is_held = |value: &str| logs.is_held(value);
        let hidden = lock(&secrets).follow(secrets_of(config), is_held, Instant::now());
        match redactor(&hidden, config) {
            Ok(redactor) => logs.configure(&config.log, redactor),
            Err(error) => tracing::error!("{error}"),
        }
    }
}

/// The redactor that a config asks for.
pub(super) fn redactor_of(config: &Config) -> Result<Arc<Redactor>, String> {
    redactor(&secrets_of(config), config)
}

/// The secrets of a config, each with its name.
fn secrets_of(config: &Config) -> Vec<(String, String)> {
    let named = config.secrets.iter();
    named.map(|secret| (secret.name.clone(), secret.value.expose().to_owned())).collect()
}

/// A redactor of these values and the patterns of the config.
fn redactor(secrets: &[(String, String)], config: &Config) -> Result<Arc<Redactor>, String> {
    let redactor = Redactor::new(secrets, &config.log.redact);
    redactor.map(Arc::new).map_err(|error| format!("log.redact: {error}"))
}
