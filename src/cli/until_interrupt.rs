//! Waits for Ctrl-C, in commands that run until a person ends them.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::exit::{self, Failure};

/// Listens for SIGINT and SIGTERM from its making on: neither ends the process any more.
#[derive(Debug)]
pub(crate) struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupt {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let handler = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(exit::FAILED, format!("cannot listen for signals: {error}"))
            })
        };
        let interrupt = handler(SignalKind::interrupt())?;
        let terminate = handler(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate })
    }

    /// Waits for the next one.
    ///
    /// # Cancel safety
    /// A signal that comes between two calls is seen by the second.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            // Both are cancel-safe: see `Signal::recv`.
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
