//! The signals of a supervisor, and its shutdown: the first signal ends all runs, a second one kills
//! them.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cli::{exit, systemd::Systemd},
    domain::WorkerView,
    engine::Engine,
};

/// How often those that hold a shutdown up are named.
const NUDGE: Duration = Duration::from_secs(2);

/// How soon after the first signal a further one still belongs to the same stop: `timeout`, a
/// terminal and a parent each pass on what they got. The figure is the contract's.
const ONE_STOP: Duration = Duration::from_millis(500);

/// How many of them are named.
const NAMED: usize = 8;

/// How long after the longest `stop.timeout` without a run that ends the runs that are left are
/// given up: they were killed then, so whatever holds them up, as a disk that hangs, nobody can
/// end. With the rest of the end, it must stay within a second.
const GIVE_UP: Duration = Duration::from_millis(500);

/// How long runs may take to be gone once a second signal has killed them. As above.
const KILLED: Duration = Duration::from_millis(600);

/// How often it is checked whether runs still end.
const CHECK: Duration = Duration::from_millis(100);

/// Ends all runs; names those that keep it waiting, and at the end those that cannot be ended. A
/// second signal kills them all.
pub(super) async fn shut_down(
    engine: &Arc<Engine>,
    signals: &mut Signals,
    systemd: &Systemd,
) -> u8 {
    let mut progress = Progress::of(engine);
    let mut down = std::pin::pin!(engine.shut_down());
    // The runs are asked before anything is waited for, systemd too.
    if tokio::time::timeout(Duration::ZERO, &mut down).await.is_ok() {
        systemd.stopping().await;
        return exit::DONE;
    }
    notify(systemd, |systemd| async move { systemd.stopping().await });
    let mut code = exit::DONE;
    let begin = Instant::now();
    let mut nudge = tokio::time::interval_at((begin + NUDGE).into(), NUDGE);
    loop {
        tokio::select! {
            () = &mut down => return code,
            second = signals.second() => {
                tracing::warn!("Second signal: killing every worker.");
                engine.kill();
                code = second;
                progress.is_over_in(KILLED);
            }
            _ = nudge.tick() => name_the_slow(engine, systemd, begin.elapsed()),
            () = tokio::time::sleep(CHECK) => {
                if progress.has_stalled(engine) {
                    name_the_lost(engine);
                    return code;
                }
            }
        }
    }
}

/// Whether runs still end.
struct Progress {
    left: usize,
    /// How long it may take until the next run ends; `None` if that is not known.
    limit: Option<Duration>,
    /// When it is given up.
    deadline: Option<Instant>,
}

impl Progress {
    fn of(engine: &Engine) -> Self {
        let limit = engine.longest_stop().map(|longest| longest + GIVE_UP);
        let deadline = limit.map(|limit| Instant::now() + limit);
        Self { left: left(engine), limit, deadline }
    }

    /// From now on runs have only so long, whether one ends or not.
    fn is_over_in(&mut self, limit: Duration) {
        let last = Instant::now() + limit;
        self.limit = None;
        self.deadline = Some(self.deadline.map_or(last, |deadline| deadline.min(last)));
    }

    fn has_stalled(&mut self, engine: &Engine) -> bool {
        let left = left(engine);
        if left < self.left
            && let Some(limit) = self.limit
        {
            // Those that are launched after others end before them, each in its own time.
            self.deadline = Some(Instant::now() + limit);
        }
        self.left = left;
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

fn left(engine: &Engine) -> usize {
    engine.handle().snapshot().workers.len()
}

/// Sends a notification to systemd, which nobody waits for.
fn notify<T: Future<Output = ()> + Send + 'static>(
    systemd: &Systemd,
    send: impl FnOnce(Systemd) -> T,
) {
    tokio::spawn(send(systemd.clone()));
}

/// The first of the workers that are left, each as `show` shows it.
fn names(engine: &Engine, show: impl Fn(&WorkerView) -> String) -> Option<String> {
    let snapshot = engine.handle().snapshot();
    let mut names: Vec<String> =
        snapshot.workers.values().take(NAMED).map(|view| show(view)).collect();
    let more = snapshot.workers.len() - names.len();
    if more > 0 {
        names.push(format!("{more} more"));
    }
    (!names.is_empty()).then(|| names.join(", "))
}

/// Says whom a shutdown waits for.
fn name_the_slow(engine: &Engine, systemd: &Systemd, waited: Duration) {
    if let Some(names) = names(engine, |view| view.id.to_string()) {
        let seconds = waited.as_secs();
        tracing::info!("Waiting for {names} to end, {seconds} s so far; a second Ctrl-C kills.");
        let text = format!("Waiting for {names} to end");
        notify(systemd, |systemd| async move { systemd.status(&text).await });
    }
}

/// Kills what is left once more, and says what could not be ended.
fn name_the_lost(engine: &Engine) {
    engine.kill();
    let show = |view: &WorkerView| match &view.instance {
        Some(pid) => format!("{} (pid {})", view.id, pid.as_str()),
        None => view.id.to_string(),
    };
    if let Some(names) = names(engine, show) {
        tracing::error!("These could not be ended, and arcanos ends without them: {names}");
    }
}

/// A reload under way.
type Reload<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What SIGHUP asks for.
async fn reload_now(engine: &Engine, systemd: &Systemd) {
    let handle = engine.handle();
    handle.logs().reopen();
    systemd.reloading().await;
    // It fails only when arcanos ends, and then there is nothing to reload.
    let _ = handle.reload().await;
    systemd.ready(&handle.snapshot()).await;
}

/// Waits for the end of a reload; for ever without one.
///
/// # Cancel safety
/// The reload goes on where it was.
async fn ended(reload: &mut Option<Reload<'_>>) {
    match reload {
        Some(reload) => reload.await,
        None => std::future::pending().await,
    }
}

/// The signals that mean something to arcanos.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// When the first signal came that ends.
    asked: Option<Instant>,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            asked: None,
        })
    }

    /// Waits for the first signal that ends, and returns its name; looks at the disk for each
    /// SIGHUP until then.
    pub(super) async fn first(&mut self, engine: &Engine, systemd: &Systemd) -> &'static str {
        // A reload may wait for a disk: signals are read meanwhile.
        let mut reload: Option<Reload<'_>> = None;
        let mut is_asked_again = false;
        let first = loop {
            tokio::select! {
                _ = self.terminate.recv() => break "SIGTERM",
                _ = self.interrupt.recv() => break "SIGINT",
                Some(()) = self.hangup.recv() => match reload {
                    Some(_) => is_asked_again = true,
                    None => reload = Some(Box::pin(reload_now(engine, systemd))),
                },
                () = ended(&mut reload) => {
                    let again = std::mem::take(&mut is_asked_again);
                    reload = again.then(|| Box::pin(reload_now(engine, systemd)) as Reload<'_>);
                }
            }
        };
        self.asked = Some(Instant::now());
        first
    }

    /// Waits for a further one that is not part of the first stop; its exit code.
    ///
    /// # Cancel safety
    /// A signal is lost only if it does not count.
    async fn second(&mut self) -> u8 {
        loop {
            let code = tokio::select! {
                _ = self.terminate.recv() => exit::SECOND_TERMINATE,
                _ = self.interrupt.recv() => exit::SECOND_INTERRUPT,
            };
            if self.asked.is_none_or(|asked| asked.elapsed() >= ONE_STOP) {
                return code;
            }
        }
    }
}
