//! What is done when a task of a worker or a run panics: a mistake in arcanos, not in a worker.
//!
//! Nothing is left half alive. A run whose task is gone is killed (its handle is dropped) and
//! reported as dead; a worker whose task is gone has its runs killed, and is forgotten once they
//! are, so that the look at the folder that is then called for starts it anew.

use std::{sync::Arc, thread};

use super::{Local, run::RunEvent, sync::mailbox::Mailbox, task::LiveRun};
use crate::{
    domain::{Evidence, Exit, ExitCause, ExitReason, State, WorkerId},
    worker::{Event, RunKey},
};

/// What is said of it.
const REASON: &str = "an internal error in arcanos (a bug) ended its task";

/// What a worker's task left.
pub(super) struct PanicCleanup {
    pub(super) local: Arc<Local>,
    pub(super) id: WorkerId,
    pub(super) runs: Vec<LiveRun>,
    pub(super) events: Arc<Mailbox<RunEvent>>,
}

impl PanicCleanup {
    /// Ends its runs, then forgets the worker.
    pub(super) async fn clear(mut self) {
        let context = Arc::clone(&self.local.context);
        tracing::error!(worker = %self.id, "The task of a worker failed; it is started anew.");
        context.logs.arcanos(&format!("Worker {}: {REASON}", self.id));
        if let Some(view) = context.board.worker(&self.id) {
            let mut view = (*view).clone();
            view.state = State::Failed;
            view.reason = Some(ExitReason::Cause(ExitCause::Diagnosed(REASON.to_owned())));
            context.board.put(view, None);
        }
        for live in &self.runs {
            live.order.change(|order| order.is_kill = true);
        }
        while !self.runs.is_empty() {
            let RunEvent(event) = self.events.take().await;
            if let Event::Exited { run, .. } | Event::SpawnFailed { run, .. } = event {
                self.runs.retain(|live| live.key != run);
            }
        }
        self.local.slots().remove(&self.id);
        context.board.remove(&self.id);
        context.logs.forget(&self.id);
        // Nothing on the disk tells that a worker is missing.
        context.rescan.all();
    }
}

/// Reports a run whose task is being torn down by a panic. Its process is killed already.
pub(super) fn report_lost(run: RunKey, events: &Mailbox<RunEvent>) {
    if thread::panicking() {
        let evidence = Evidence { diagnosis: Some(REASON.to_owned()), ..Evidence::default() };
        let exit = Exit::Signal(9);
        // If nobody takes what is in there, nobody waits for this run.
        let _ = events.try_put(RunEvent(Event::Exited { run, exit, evidence }));
    }
}
