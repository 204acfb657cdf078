//! Launches a run: permission, process, readiness.

use std::{sync::Arc, time::Duration};

use super::{
    event::{Effect, Level, RunKey, SpawnFailure},
    run::{AfterStop, Role, Run, Stage},
    state::{Idle, MachineState, PendingStart},
};
use crate::{
    domain::{
        Evidence, ExitCause, ExitReason, InstanceName, LastExit, ReadyRule, RunId, human_delay,
    },
    worker::{clock::Present, schedule::Schedule},
};

/// The wait before the next try when the operating system refuses a process: long enough not to
/// burden a computer that is short of resources, short enough that recovery is seen at once.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(500);

impl MachineState {
    pub(super) fn on_admitted(&mut self, now: Present, out: &mut Vec<Effect>) {
        self.has_asked = false;
        if self.runs.is_empty()
            && let Some(wanted) = self.pending.take()
        {
            self.idle = Idle::Stopped;
            self.launch(Role::Main, wanted, now, out);
        } else if self.may_launch_candidate() {
            self.wants_candidate = false;
            self.launch(Role::Candidate, PendingStart::default(), now, out);
        } else {
            out.push(Effect::YieldTurn);
        }
    }

    fn launch(&mut self, role: Role, wanted: PendingStart, now: Present, out: &mut Vec<Effect>) {
        let key = RunKey(self.next_key);
        self.next_key += 1;
        self.facts.launch_warnings.clear();
        let mut run = Run::new(key, role, Arc::clone(&self.spec), now);
        run.by_restart = wanted.by_restart;
        self.runs.push(run);
        if role == Role::Main {
            self.launched = Some(Arc::clone(&self.spec));
        }
        let spec = Arc::clone(&self.spec);
        out.push(Effect::Spawn { run: key, spec, input: wanted.input });
    }

    pub(super) fn on_spawned(
        &mut self,
        key: RunKey,
        id: RunId,
        instance: InstanceName,
        now: Present,
    ) {
        self.facts.starts += 1;
        self.facts.reported_shortage = false;
        self.facts.last_run_at = Some(now.wall);
        self.facts.is_task = false;
        if let Some(mark) = &mut self.mark {
            mark.counted_from = now.wall;
        }
        self.facts.last_run = Some(id.clone());
        self.with_run(key, |run| run.spawned(id, instance, now));
    }

    pub(super) fn on_spawn_failed(
        &mut self,
        key: RunKey,
        (failure, reason): (SpawnFailure, String),
        now: Present,
        out: &mut Vec<Effect>,
    ) {
        let Some(run) = self.take(key) else { return };
        match (run.role, run.stage) {
            (Role::Candidate, Stage::Stopping { then, .. }) => {
                self.wants_candidate = matches!(then, AfterStop::Again { .. });
            }
            (Role::Candidate, _) => {
                let reason = ExitReason::Cause(ExitCause::NotLaunched(reason));
                self.candidate_failed(&run.spec, &reason, out);
            }
            (Role::Main | Role::Retiring, Stage::Stopping { then, .. }) => {
                self.after_stop(then, now);
            }
            (Role::Main | Role::Retiring, _) => self.not_launched(failure, reason, now, out),
        }
    }

    /// The worker has no run, because this failed.
    fn not_launched(
        &mut self,
        failure: SpawnFailure,
        reason: String,
        now: Present,
        out: &mut Vec<Effect>,
    ) {
        let id = &self.id;
        match failure {
            SpawnFailure::Shortage => {
                if !std::mem::replace(&mut self.facts.reported_shortage, true) {
                    let text = format!("Worker {id} cannot be launched for the moment: {reason}");
                    out.push(Effect::Log(Level::Warn, text));
                }
                self.idle = Idle::ResourceShortage(now.moment.after(SHORTAGE_PAUSE));
                return;
            }
            SpawnFailure::Hang => {
                // A disk that hangs says nothing against the worker, which has not begun, so it
                // spends no attempt: the worker runs once the disk answers.
                let delay = self.spec.policy.restart.delay.max(SHORTAGE_PAUSE);
                let again = human_delay(delay);
                let text = format!("Worker {id}: {reason}; tried again in {again}");
                out.push(Effect::Log(Level::Warn, text));
                self.idle = Idle::Backoff(now.moment.after(delay), now.wall.after(delay));
            }
            SpawnFailure::Lasting => {
                let text = format!("Worker {id} cannot be launched: {reason}");
                out.push(Effect::Log(Level::Warn, text));
                self.idle = Idle::Failed;
            }
        }
        let reason = ExitReason::Cause(ExitCause::NotLaunched(reason));
        self.facts.last_exit = Some(LastExit {
            exit: None,
            reason: Some(reason.clone()),
            at: now.wall,
            uptime: Duration::ZERO,
            evidence: Evidence::default(),
        });
        self.facts.reason = Some(reason);
    }

    /// A run gave the sign that this rule waits for.
    pub(super) fn on_ready_sign(
        &mut self,
        key: RunKey,
        rule: ReadyRule,
        now: Present,
        out: &mut Vec<Effect>,
    ) {
        let is_awaited = self.spec.policy.start.ready == rule;
        let is_starting =
            self.runs.iter().any(|run| run.key == key && run.stage == Stage::Starting);
        if is_awaited && is_starting {
            self.ready(key, now, out);
        }
    }

    pub(super) fn on_clock_moved(&mut self, now: Present) {
        if self.schedule.as_ref().is_some_and(Schedule::follows_the_wall) {
            // A machine that slept wakes up with a clock that has jumped.
            if self.is_overdue(now) && self.runs.is_empty() && !self.is_held {
                self.begin(PendingStart::default());
            }
            self.mark(now);
            self.retick(now);
        }
    }

    /// A run is ready: a candidate takes over.
    pub(super) fn ready(&mut self, key: RunKey, now: Present, out: &mut Vec<Effect>) {
        let stop = self.spec.policy.stop;
        let Some(index) = self.runs.iter().position(|run| run.key == key) else {
            return;
        };
        if self.runs[index].role == Role::Candidate {
            for old in self.runs.iter_mut().filter(|run| run.role == Role::Main) {
                old.role = Role::Retiring;
                old.stop(AfterStop::Retire, stop, now, out);
            }
            self.launched = Some(Arc::clone(&self.runs[index].spec));
            self.facts.note = None;
        }
        let run = &mut self.runs[index];
        run.role = Role::Main;
        run.stage = Stage::Running;
        run.probing.restart(now.moment);
        announce(run, out);
        if !std::mem::replace(&mut run.has_shown_life, true) {
            out.push(Effect::ShowedLife(key));
        }
        self.facts.reason = None;
    }
}

/// Says once a run that it is up.
pub(super) fn announce(run: &mut Run, out: &mut Vec<Effect>) {
    if std::mem::replace(&mut run.is_announced, true) {
        return;
    }
    let id = &run.spec.id;
    let text = match &run.spec.model {
        Some(model) => format!("✅ {id} running with model: {model}"),
        None => format!("✅ {id} running"),
    };
    out.push(Effect::Log(Level::Info, text));
}
