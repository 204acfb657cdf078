//! Applies an edit of the worker's file or settings.

use std::{sync::Arc, time::Duration};

use super::{
    event::{Effect, Level},
    run::{AfterStop, Role, Run, Stage},
    state::{Idle, Leaving, MachineState, PendingStart},
};
use crate::{
    domain::{OnChange, WorkerSpec, human_delay},
    worker::{clock::Present, schedule::Schedule},
};

impl MachineState {
    /// From now on the worker should be like this.
    pub(super) fn apply(
        &mut self,
        spec: Arc<WorkerSpec>,
        schedule: Option<Schedule>,
        now: Present,
    ) -> Vec<Effect> {
        let mut out = Vec::new();
        let old = std::mem::replace(&mut self.spec, spec);
        let was_leaving = std::mem::replace(&mut self.leaving, Leaving::No) != Leaving::No;
        let is_other_schedule = self.schedule != schedule;
        self.schedule = schedule;
        if old.policy.probe != self.spec.policy.probe {
            // What the old probe found says nothing of the new one.
            self.runs.iter_mut().for_each(|run| run.probing.restart(now.moment));
        }
        if was_leaving {
            self.come_back(now);
        } else if old.policy.enabled != self.spec.policy.enabled {
            self.switch(now, &mut out);
        } else if self.spec.policy.enabled {
            if is_other_schedule {
                self.reschedule(now);
            }
            let is_trusted_again = old.untrusted.is_some() && self.spec.untrusted.is_none();
            let need_not_wait =
                self.need_not_wait(old.policy.reload) || (is_trusted_again && self.is_behind());
            if old.launch != self.spec.launch || need_not_wait {
                self.relaunch(now, &mut out);
            } else if old.policy != self.spec.policy || is_trusted_again {
                self.try_afresh();
            }
        }
        self.fire_due(now, &mut out);
        self.settle(&mut out);
        out
    }

    /// Whether a change that waited for a person need not wait any more.
    fn need_not_wait(&self, old: OnChange) -> bool {
        let waited = old == OnChange::Manual && self.spec.policy.reload != OnChange::Manual;
        waited && self.is_behind()
    }

    /// Whether a run is of another launch than it should be.
    fn is_behind(&self) -> bool {
        self.main().is_some() && self.is_changed()
    }

    /// Its file was removed and is there again before the worker was gone.
    ///
    /// An editor that saves by renaming leaves a moment without the file. The removal has asked
    /// the run to end by then, and the machine must not be left stopped when that end comes.
    fn come_back(&mut self, now: Present) {
        self.is_held = false;
        let is_enabled = self.spec.policy.enabled;
        let mut is_ending = false;
        for run in self.runs.iter_mut().filter(|run| run.role == Role::Main) {
            if let Stage::Stopping { then, .. } = &mut run.stage {
                // The end of this run is on its way already: the new run follows it, unless the
                // file came back with `enabled = false`.
                *then = if is_enabled {
                    AfterStop::Again { by_restart: false }
                } else {
                    AfterStop::Idle
                };
                is_ending = true;
            }
        }
        if is_ending && is_enabled {
            self.retick(now);
        } else {
            self.begin_afresh(now);
        }
    }

    /// `enabled` has changed.
    ///
    /// Somebody may switch a worker off and on again while its run still ends, or after a person
    /// has stopped it: the edit ends and begins what the config governs, and not what the person
    /// decided.
    fn switch(&mut self, now: Present, out: &mut Vec<Effect>) {
        self.retick(now);
        self.pending = None;
        self.wants_candidate = false;
        if !self.spec.policy.enabled {
            if self.main().is_some() {
                out.push(Effect::Log(Level::Info, format!("Stopping worker: {}", self.id)));
            }
            self.idle = Idle::Stopped;
            self.stop_runs(&AfterStop::Idle, now, out);
        } else if self.is_held {
            // Enabled again, but a person stopped it before: it waits for that person.
            self.idle = Idle::Stopped;
        } else if self.main().is_some() {
            // The run that `enabled = false` asked to end is still there: a new one follows it.
            self.stop_runs(&AfterStop::Again { by_restart: false }, now, out);
        } else {
            self.begin_afresh(now);
        }
    }

    /// The schedule has changed: no run begins or ends by that alone, but a worker that lived by
    /// the clock and has none any more is an ordinary one again.
    fn reschedule(&mut self, now: Present) {
        self.mark(now);
        self.retick(now);
        match self.idle {
            Idle::Completed | Idle::Again(..) if self.schedule.is_some() => {
                self.idle = Idle::Scheduled;
            }
            Idle::Scheduled if self.schedule.is_none() => {
                self.idle = Idle::Completed;
                if self.facts.starts == 0 && !self.is_held {
                    self.begin(PendingStart::default());
                }
            }
            _ => {}
        }
    }

    /// The launch has changed.
    fn relaunch(&mut self, now: Present, out: &mut Vec<Effect>) {
        self.facts.note = None;
        if let Some(reason) = self.spec.untrusted.as_ref().filter(|_| self.main().is_some()) {
            // Nothing may take the place of what runs.
            let text = format!("Worker {} has changed, its run is kept: {reason}", self.id);
            out.push(Effect::Log(Level::Warn, text));
            return;
        }
        if !self.may_take_up() || self.postponed.is_some() {
            return;
        }
        // A run that ends already costs no other one.
        let is_ending = self.main().is_some_and(Run::is_stopping);
        let wait = if is_ending { Duration::ZERO } else { self.change_throttle.wait(now.moment) };
        if wait.is_zero() {
            self.take_up(now, out);
            return;
        }
        self.postponed = Some(now.moment.after(wait));
        let (id, wait) = (&self.id, human_delay(wait));
        let text = format!("Worker {id} changes too often, the last change is taken up in {wait}");
        out.push(Effect::Log(Level::Warn, text));
    }

    /// A change that had to wait is due, if it still makes a difference.
    pub(super) fn take_up_postponed(&mut self, now: Present, out: &mut Vec<Effect>) {
        self.postponed = None;
        if self.is_changed() && self.spec.policy.enabled && self.may_take_up() {
            self.take_up(now, out);
        }
    }

    /// Whether a change of the launch makes a difference to what runs.
    fn may_take_up(&self) -> bool {
        if self.is_held || self.pending.is_some() || self.leaving != Leaving::No {
            return false;
        }
        match self.main() {
            // A scheduled worker takes the change up with its next run.
            None => self.idle != Idle::Scheduled,
            Some(_) => self.spec.untrusted.is_none() && self.on_change() != OnChange::Manual,
        }
    }

    fn take_up(&mut self, now: Present, out: &mut Vec<Effect>) {
        let Some(main) = self.main() else {
            self.begin(PendingStart::default());
            return;
        };
        if self.on_change() == OnChange::Overlap && main.is_up() {
            self.overlap(now, out);
            return;
        }
        self.wants_candidate = false;
        let text = format!("Worker {} has changed, replacing its run", self.id);
        out.push(Effect::Log(Level::Info, text));
        self.stop_runs(&AfterStop::Again { by_restart: false }, now, out);
    }

    /// Tries the changed launch beside the running one, unless that is what runs already.
    fn overlap(&mut self, now: Present, out: &mut Vec<Effect>) {
        let stop = self.spec.policy.stop;
        let is_back = self.launched.as_ref().is_some_and(|l| l.launch == self.spec.launch);
        self.wants_candidate = !is_back;
        for run in self.runs.iter_mut().filter(|run| run.role == Role::Candidate) {
            run.stop(AfterStop::Retire, stop, now, out);
        }
    }

    /// The policy has changed: one that had failed tries afresh, the others take it up in place.
    fn try_afresh(&mut self) {
        if matches!(self.idle, Idle::Failed | Idle::Backoff(..))
            && self.pending.is_none()
            && self.main().is_none()
            && !self.is_held
        {
            self.begin(PendingStart::default());
        }
    }
}
