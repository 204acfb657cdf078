//! The probes of runs: asks in a task of its own, and passes the answer to the worker's task.

use std::sync::Arc;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::{context::Context, live_run::RunEvent, sync::mailbox::Mailbox};
use crate::{
    domain::{Probe, ProbeAnswer, RunId},
    probe::{Question, ask},
    worker::{Event, RunKey},
};

/// A question to a run, with the way back of its answer.
pub(super) struct Asking {
    pub(super) context: Arc<Context>,
    pub(super) run: RunKey,
    /// The id of the run that is asked.
    pub(super) id: RunId,
    pub(super) number: u64,
    pub(super) probe: Arc<Probe>,
    pub(super) events: Arc<Mailbox<RunEvent>>,
}

impl Asking {
    /// Begins to ask. Once the guard is dropped nobody hears the answer any more, and the command
    /// of the probe is ended.
    pub(super) fn begin(self) -> DropGuard {
        let dropped = CancellationToken::new();
        let guard = dropped.clone().drop_guard();
        let tracker = self.context.tracker.clone();
        tracker.spawn(self.follow(dropped));
        guard
    }

    async fn follow(self, dropped: CancellationToken) {
        let question = Question {
            probe: &self.probe,
            id: RunId::new(&format!("{}-probe", self.id), self.number),
            dropped: &dropped,
        };
        let answer = match ask(&question, &self.context.spawner).await {
            // An address or a command may hold a secret, and so may what the system says of it.
            ProbeAnswer::Bad(reason) => ProbeAnswer::Bad(self.context.logs.shown(&reason)),
            answer => answer,
        };
        let event = Event::Probed { run: self.run, number: self.number, answer };
        tokio::select! {
            // Cancel-safe: an event that is not put yet is heard by nobody.
            _ = self.events.put(RunEvent(event)) => {}
            () = dropped.cancelled() => {}
        }
    }
}
