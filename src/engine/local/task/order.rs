//! What a worker's task does about other workers: it launches after those that `after` names, and
//! ends before them.

use super::Task;
use crate::{
    engine::local::{context::Phase, gate::waits_for},
    worker::{Effect, Now},
};

impl Task {
    /// Ends the worker, once those are gone that were launched after it.
    pub(super) fn shut_down(&mut self, now: Now) -> Vec<Effect> {
        self.gate.wants_permit = false;
        self.gate.reason = None;
        self.gate.watch(&self.context.board);
        let is_killing = *self.phase.borrow() == Phase::Killing;
        self.gate.is_ending = !is_killing && self.context.has_dependants(&self.id);
        self.gate.rest();
        if self.gate.is_ending { Vec::new() } else { self.machine.shut_down(now) }
    }

    /// Another worker has changed. `None` is that nothing follows.
    pub(super) fn follow_others(&mut self, now: Now) -> Option<Vec<Effect>> {
        if self.gate.is_ending {
            let effects = self.shut_down(now);
            return (!self.gate.is_ending).then_some(effects);
        }
        let before = self.gate.reason.clone();
        self.pass_gate();
        (self.gate.reason != before).then(Vec::new)
    }

    /// Asks for a permit to launch, once all are up that this worker is launched after.
    pub(super) fn pass_gate(&mut self) {
        if !self.gate.wants_permit {
            return;
        }
        self.gate.watch(&self.context.board);
        let after = &self.machine.spec().policy.after;
        self.gate.reason = after.iter().find_map(|id| waits_for(&self.context.board, id));
        if self.gate.reason.is_none() {
            self.gate.wants_permit = false;
            self.permit_request = Some(self.context.launch_limiter.ask());
        }
        self.gate.rest();
    }
}
