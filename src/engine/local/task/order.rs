//! What a worker's task does about other workers: it launches after those that `after` names, and
//! ends before them.

use super::Task;
use crate::{
    domain::Command,
    engine::local::{
        context::Phase,
        gate::{Turn, waits_for},
    },
    worker::{Effect, Now},
};

impl Task {
    /// Ends the worker, once those are gone that were launched after it.
    pub(super) fn shut_down(&mut self, now: Now) -> Vec<Effect> {
        self.gate.wants_permit = false;
        self.gate.reason = None;
        self.call_off_turn();
        self.gate.watch(&self.context.board);
        let is_killing = *self.phase.borrow() == Phase::Killing;
        self.gate.is_ending = !is_killing && self.context.has_dependants(&self.id);
        self.gate.rest();
        if self.gate.is_ending { Vec::new() } else { self.machine.shut_down(now) }
    }

    /// All workers are to be stopped. Returns whether this one's stop must wait for others.
    pub(super) fn takes_turn(&mut self) -> bool {
        if self.runs.is_empty() {
            return false;
        }
        self.context.stopping_in_turn().insert(self.id.clone());
        self.gate.watch(&self.context.board);
        let must_wait = self.context.has_stopping_dependants(&self.id);
        self.gate.turn = Some(if must_wait { Turn::Waits } else { Turn::Stops });
        self.gate.rest();
        must_wait
    }

    /// The effects of a stop that waited, now that it is its turn or its run has ended by itself.
    pub(super) fn stop_in_turn(&mut self, now: Now) -> Option<Vec<Effect>> {
        if self.gate.turn != Some(Turn::Waits) {
            return None;
        }
        self.gate.watch(&self.context.board);
        if !self.runs.is_empty() && self.context.has_stopping_dependants(&self.id) {
            return None;
        }
        self.gate.turn = Some(Turn::Stops);
        self.gate.rest();
        // Only a worker that is leaving refuses it, and that one stops anyway.
        self.machine.request(Command::Stop, None, now).ok().map(|accepted| accepted.effects)
    }

    /// Once its runs are gone those may stop that it was launched after. Call it before the board
    /// changes: that change wakes them.
    pub(super) fn leave_turn(&mut self) {
        if self.runs.is_empty() {
            self.call_off_turn();
        }
    }

    /// The worker takes no part in a stop of all workers any more.
    pub(super) fn call_off_turn(&mut self) {
        if self.gate.turn.take().is_some() {
            self.context.stopping_in_turn().remove(&self.id);
            self.gate.rest();
        }
    }

    /// Another worker has changed. `None` is that nothing follows.
    pub(super) fn follow_others(&mut self, now: Now) -> Option<Vec<Effect>> {
        if self.gate.is_ending {
            let effects = self.shut_down(now);
            return (!self.gate.is_ending).then_some(effects);
        }
        if let Some(effects) = self.stop_in_turn(now) {
            return Some(effects);
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
