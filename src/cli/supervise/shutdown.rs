//! The signals of a supervisor, and its shutdown: the first signal ends all runs, a second one kills
//! them.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cli::{exit, systemd::Systemd},
    engine::Engine,
};

/// How often those that hold a shutdown up are named.
const NUDGE: Duration = Duration::from_secs(2);

/// How soon after the first signal a further one still belongs to the same stop: `timeout`, a
/// terminal and a parent each pass on what they got. The figure is the contract's.
const ONE_STOP: Duration = Duration::from_millis(500);

/// How many of them are named.
const NAMED: usize = 8;

/// Ends all runs; names those that keep it waiting. A second signal kills them all.
pub(super) async fn shut_down(
    engine: &Arc<Engine>,
    signals: &mut Signals,
    systemd: &Systemd,
) -> u8 {
    systemd.stopping().await;
    let mut down = std::pin::pin!(engine.shut_down());
    let mut code = exit::DONE;
    let begin = Instant::now();
    loop {
        tokio::select! {
            () = &mut down => return code,
            second = signals.second() => {
                tracing::warn!("Second signal: killing every worker.");
                engine.kill();
                code = second;
            }
            () = tokio::time::sleep(NUDGE) => name_the_slow(engine, systemd, begin.elapsed()).await,
        }
    }
}

/// Says whom a shutdown waits for.
async fn name_the_slow(engine: &Engine, systemd: &Systemd, waited: Duration) {
    let snapshot = engine.handle().snapshot();
    let mut names: Vec<&str> = snapshot.workers.keys().take(NAMED).map(|id| id.as_str()).collect();
    let more = snapshot.workers.len() - names.len();
    let rest = format!("{more} more");
    if more > 0 {
        names.push(&rest);
    }
    if !names.is_empty() {
        let names = names.join(", ");
        let seconds = waited.as_secs();
        tracing::info!("Waiting for {names} to end, {seconds} s so far; a second Ctrl-C kills.");
        systemd.status(&format!("Waiting for {names} to end")).await;
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
        let handle = engine.handle();
        let first = loop {
            tokio::select! {
                _ = self.terminate.recv() => break "SIGTERM",
                _ = self.interrupt.recv() => break "SIGINT",
                Some(()) = self.hangup.recv() => {
                    systemd.reloading().await;
                    handle.logs().reopen();
                    // It fails only when arcanos ends, and then there is nothing to reload.
                    let _ = handle.reload().await;
                    systemd.ready(&handle.snapshot()).await;
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
