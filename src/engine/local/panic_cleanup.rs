//! Cleanup after a panic in the task of a worker or a run: a bug in arcanos, not in a worker.
//!
//! Nothing is left half alive. A run whose task is gone is killed (its handle is dropped) and
//! reported as ended. A worker whose task is gone has its runs killed and is then forgotten; the
//! rescan that follows starts it anew.

use std::{sync::Arc, thread};

use super::{
    context::Context,
    live_run::{LiveRun, RunEvent},
    sync::mailbox::Mailbox,
};
use crate::{
    domain::{Evidence, Exit, ExitCause, ExitReason, State, WorkerId},
    worker::{Event, RunKey},
};

/// What people read about it.
const REASON: &str = "an internal error in arcanos (a bug) ended its task";

/// What the task of a worker left behind when it panicked.
pub(super) struct PanicCleanup {
    pub(super) context: Arc<Context>,
    pub(super) id: WorkerId,
    pub(super) runs: Vec<LiveRun>,
    pub(super) events: Arc<Mailbox<RunEvent>>,
}

impl PanicCleanup {
    /// Kills the worker's runs, waits for their ends, then forgets the worker.
    pub(super) async fn clear(mut self) {
        let context = Arc::clone(&self.context);
        tracing::error!(worker = %self.id, "The task of a worker failed; it is started anew.");
        context.logs.arcanos(&format!("Worker {}: {REASON}", self.id));
        if let Some(view) = context.board.worker(&self.id) {
            let mut view = (*view).clone();
            view.state = State::Failed;
            view.reason = Some(ExitReason::Cause(ExitCause::Diagnosed(REASON.to_owned())));
            context.board.put(view, None);
        }
        for live in &self.runs {
            live.kill();
        }
        while !self.runs.is_empty() {
            let RunEvent(event) = self.events.take().await;
            if let Event::Exited { run, .. } | Event::SpawnFailed { run, .. } = event {
                self.runs.retain(|live| live.key != run);
            }
        }
        context.slots().remove(&self.id);
        context.board.remove(&self.id);
        context.logs.forget(&self.id);
        // Nothing has changed on the disk, so no event would have the worker started anew.
        context.rescan.all();
    }
}

/// Reports the end of a run whose task panics. Dropping the task has killed its process already.
pub(super) fn report_lost(run: RunKey, events: &Mailbox<RunEvent>) {
    if thread::panicking() {
        let evidence = Evidence { diagnosis: Some(REASON.to_owned()), ..Evidence::default() };
        let exit = Exit::Signal(9);
        // A full mailbox means that nobody takes events any more, so nobody waits for this run.
        let _ = events.try_put(RunEvent(Event::Exited { run, exit, evidence }));
    }
}
