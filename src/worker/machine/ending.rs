//! Handles the end of a run: its cause, and what follows.

use std::sync::Arc;

use super::{
    event::{Effect, Level, RunKey},
    launch::announce,
    run::{AfterStop, Role, Run, Stage},
    state::{Idle, MachineState, PendingStart},
};
use crate::{
    domain::{
        Attempts, Evidence, Exit, ExitCause, ExitReason, LastExit, RestartWhen, WorkerSpec,
        human_delay,
    },
    worker::clock::Present,
};

impl MachineState {
    /// A run is gone, and all that it started with it.
    pub(super) fn on_exited(
        &mut self,
        key: RunKey,
        (exit, evidence): (Exit, Evidence),
        now: Present,
        out: &mut Vec<Effect>,
    ) {
        let Some(mut run) = self.take(key) else {
            return;
        };
        let is_success = self.spec.policy.restart.success_codes.includes(exit);
        if is_success && !run.is_stopping() {
            announce(&mut run, out);
        }
        let is_bad = !is_success && !run.is_stopping();
        let tone = if is_bad { Level::Warn } else { Level::Info };
        out.push(Effect::Log(tone, format!("Worker {} exited with {exit}", self.id)));
        *self.facts.exits.entry(exit).or_default() += 1;
        let cause = cause_of(&run, &evidence);
        if let Some(cause) = cause.as_ref().filter(|_| is_bad || run.has_overstayed()) {
            out.push(Effect::Log(Level::Warn, format!("Worker {} failed: {cause}", self.id)));
        }
        if evidence.killed_remains > 0 {
            let note = ExitCause::KilledRemains(evidence.killed_remains);
            out.push(Effect::Log(Level::Warn, format!("Worker {}: {note}", self.id)));
        }
        let reason = match cause {
            cause if !is_bad => cause.map(ExitReason::Cause),
            Some(cause) => Some(ExitReason::Failed(cause, exit)),
            None => Some(ExitReason::Unexplained(exit)),
        };
        self.facts.remember(&run, (exit, is_success), reason.clone(), now);
        self.facts.last_exit = Some(LastExit {
            exit: Some(exit),
            reason: reason.clone(),
            at: now.wall,
            uptime: run.age(now),
            evidence,
        });
        let failure = reason.unwrap_or(ExitReason::Unexplained(exit));
        match (run.role, run.stage.clone()) {
            (Role::Retiring, _) => {}
            (Role::Candidate, Stage::Stopping { then: AfterStop::Again { .. }, .. }) => {
                self.wants_candidate = true;
            }
            (
                Role::Candidate,
                Stage::Stopping { then: AfterStop::Idle | AfterStop::Retire, .. },
            ) => {}
            (Role::Candidate, _) => self.candidate_failed(&run.spec, &failure, out),
            (Role::Main, Stage::Stopping { then: AfterStop::Fail(_), .. }) => {
                self.failed(&run, failure, now, out);
            }
            (Role::Main, Stage::Stopping { then, .. }) => self.after_stop(then, now),
            (Role::Main, _) if self.promote_candidate() => {}
            (Role::Main, _) if is_success => self.succeeded(now),
            (Role::Main, _) => self.failed(&run, failure, now, out),
        }
    }

    /// The old run is gone before the new one is ready: the new one is all there is.
    fn promote_candidate(&mut self) -> bool {
        let candidate = self.runs.iter_mut().find(|run| run.role == Role::Candidate);
        let Some(candidate) = candidate else {
            return false;
        };
        candidate.role = Role::Main;
        self.launched = Some(Arc::clone(&candidate.spec));
        true
    }

    pub(super) fn candidate_failed(
        &mut self,
        spec: &WorkerSpec,
        reason: &ExitReason,
        out: &mut Vec<Effect>,
    ) {
        let id = &self.id;
        let note = format!("the changed version was not ready ({reason}); the old run is kept");
        out.push(Effect::Log(Level::Warn, format!("Worker {id}: {note}")));
        // An edit that came meanwhile has its own try ahead.
        if spec.launch == self.spec.launch {
            self.wants_candidate = false;
        }
        self.facts.note = Some(note);
    }

    /// A run that was asked to stop has ended.
    pub(super) fn after_stop(&mut self, then: AfterStop, now: Present) {
        match then {
            AfterStop::Again { by_restart } => self.begin(PendingStart { input: None, by_restart }),
            AfterStop::Idle | AfterStop::Retire => self.idle = Idle::Stopped,
            AfterStop::Fail(cause) => {
                // It never had a process: there is no run to speak of.
                self.facts.reason = Some(ExitReason::Cause(cause));
                self.idle = Idle::Failed;
            }
        }
        if self.idle == Idle::Stopped && self.pending.is_none() {
            self.retick(now);
        }
    }

    fn succeeded(&mut self, now: Present) {
        self.restart_counter.clear();
        self.facts.reason = None;
        let restart = &self.spec.policy.restart;
        self.idle = if self.schedule.is_some() {
            Idle::Scheduled
        } else if restart.policy == RestartWhen::Always {
            Idle::Again(now.moment.after(restart.delay), now.wall.after(restart.delay))
        } else {
            Idle::Completed
        };
    }

    fn failed(&mut self, run: &Run, reason: ExitReason, now: Present, out: &mut Vec<Effect>) {
        let restart = self.spec.policy.restart;
        if run.age(now) >= restart.reset_after {
            self.restart_counter.clear();
        }
        self.facts.reason = Some(reason);
        if restart.policy == RestartWhen::Never {
            self.idle = Idle::Failed;
            return;
        }
        let jitter = self.jitter.next();
        let Some(attempt) = self.restart_counter.spend(&restart, jitter, run.retry_after) else {
            self.idle = Idle::Failed;
            let text = format!("Worker {} failed too many times, giving up", self.id);
            out.push(Effect::Log(Level::Warn, text));
            return;
        };
        self.idle = Idle::Backoff(now.moment.after(attempt.delay), now.wall.after(attempt.delay));
        let max = match restart.max_attempts {
            Attempts::Max(max) => format!("/{max}"),
            Attempts::Unlimited => String::new(),
        };
        let (id, number, delay) = (&self.id, attempt.number, human_delay(attempt.delay));
        let text = format!("Restarting worker {id} (attempt {number}{max}) in {delay}");
        out.push(Effect::Log(Level::Info, text));
    }
}

/// What is known of why a run ended, beside the code or the signal.
fn cause_of(run: &Run, evidence: &Evidence) -> Option<ExitCause> {
    if let Stage::Stopping { then: AfterStop::Fail(cause), .. } = &run.stage {
        return Some(cause.clone());
    }
    if let Some(said) = &run.exit_reason {
        return Some(ExitCause::Said(said.clone()));
    }
    let diagnosis = evidence.diagnosis.clone().filter(|_| !run.is_stopping());
    let remains =
        (evidence.killed_remains > 0).then_some(ExitCause::KilledRemains(evidence.killed_remains));
    diagnosis.map(ExitCause::Diagnosed).or(remains)
}
