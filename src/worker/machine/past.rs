//! The history of a worker: its last runs that have ended.

use std::sync::Arc;

use super::{run::Run, state::Facts};
use crate::{
    domain::{Exit, ExitReason, PastRun, RunOutcome},
    worker::clock::Present,
};

/// Past runs that are remembered of a worker: enough for a snapshot of a crash loop, which by
/// default has four.
const RUNS_KEPT: usize = 16;

/// Bytes of the reason of each: with the above, what the past of a worker costs.
const REASON_KEPT: usize = 1024;

impl Facts {
    /// Remembers a run that has just ended.
    pub(super) fn remember(
        &mut self,
        run: &Run,
        (exit, is_success): (Exit, bool),
        reason: Option<ExitReason>,
        now: Present,
    ) {
        let past = Arc::make_mut(&mut self.past);
        if past.len() == RUNS_KEPT {
            past.pop_front();
        }
        past.push_back(PastRun {
            started_at: run.started.wall,
            uptime: run.age(now),
            exit,
            reason: reason.map(|reason| reason.shortened(REASON_KEPT)),
            outcome: outcome_of(run, is_success),
        });
    }
}

fn outcome_of(run: &Run, is_success: bool) -> RunOutcome {
    if run.has_overstayed() {
        RunOutcome::Failed
    } else if run.is_stopping() {
        RunOutcome::Stopped
    } else if is_success {
        RunOutcome::Completed
    } else {
        RunOutcome::Failed
    }
}
