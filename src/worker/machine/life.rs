//! What happens to runs while they live: launched, ready, too slow, due.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Effect, Idle, Level, Machine, PendingStart, RunKey,
    run::{AfterStop, LIFE, Role, Run, Stage},
};
use crate::{
    domain::{Evidence, LastExit, ReadyRule, RunId, human_delay},
    worker::Now,
};

/// How long to wait when the machine refuses a process: long enough not to burden a starved
/// machine, short enough that recovery is seen at once.
const STARVED_PAUSE: Duration = Duration::from_millis(500);

impl Machine {
    pub(super) fn on_admitted(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.has_asked = false;
        if self.runs.is_empty()
            && let Some(wanted) = self.wanted.take()
        {
            self.rest = Idle::Stopped;
            self.launch(Role::Main, wanted, now, out);
        } else if self.may_launch_candidate() {
            self.wants_candidate = false;
            self.launch(Role::Candidate, PendingStart::default(), now, out);
        } else {
            out.push(Effect::YieldTurn);
        }
    }

    fn launch(&mut self, role: Role, wanted: PendingStart, now: Now, out: &mut Vec<Effect>) {
        let key = RunKey(self.next_key);
        self.next_key += 1;
        self.facts.launch_warnings.clear();
        let mut run = Run::new(key, role, Arc::clone(&self.spec), now);
        run.by_person = wanted.by_person;
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
        pid: u32,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let stop = self.spec.policy.stop;
        self.facts.starts += 1;
        self.facts.reported_shortage = false;
        self.facts.last_run_at = Some(now.wall);
        self.facts.last_run = Some(id.clone());
        self.with_run(key, |run| run.spawned(id, pid, stop, now, out));
    }

    pub(super) fn on_spawn_failed(
        &mut self,
        key: RunKey,
        reason: String,
        is_transient: bool,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let Some(run) = self.take(key) else { return };
        if run.role == Role::Candidate {
            self.candidate_failed(&run, reason, out);
            return;
        }
        if let Stage::Stopping { then, .. } = run.stage {
            self.after_stop(then, now);
        } else if is_transient {
            if !std::mem::replace(&mut self.facts.reported_shortage, true) {
                let id = &self.id;
                let text = format!("Worker {id} cannot be launched for the moment: {reason}");
                out.push(Effect::Log(Level::Warn, text));
            }
            self.rest = Idle::ResourceShortage(now.instant + STARVED_PAUSE);
        } else {
            let text = format!("Worker {} cannot be launched: {reason}", self.id);
            out.push(Effect::Log(Level::Warn, text));
            self.facts.last_exit = Some(LastExit {
                exit: None,
                reason: Some(reason.clone()),
                at: now.wall,
                uptime: Duration::ZERO,
                evidence: Evidence::default(),
            });
            self.facts.reason = Some(reason);
            self.rest = Idle::Failed;
        }
    }

    pub(super) fn on_said_ready(&mut self, key: RunKey, now: Now, out: &mut Vec<Effect>) {
        let by_message = self.spec.policy.start.ready == ReadyRule::Message;
        let is_starting =
            self.runs.iter().any(|run| run.key == key && run.stage == Stage::Starting);
        if by_message && is_starting {
            self.ready(key, now, out);
        }
    }

    pub(super) fn on_clock_moved(&mut self, now: Now) {
        if self.schedule.as_ref().is_some_and(crate::worker::Schedule::follows_the_wall) {
            self.retick(now);
        }
    }

    /// Does all that is due by now.
    pub(super) fn on_deadlines(&mut self, now: Now, out: &mut Vec<Effect>) {
        let keys: Vec<RunKey> = self.runs.iter().map(|run| run.key).collect();
        for key in keys {
            self.look_at_run(key, now, out);
        }
        if self.forgiven_at().is_some_and(|at| at <= now.instant) {
            self.restart_counter.clear();
        }
        if self.tick.is_some_and(|tick| tick.instant <= now.instant) {
            self.on_tick(now);
        }
        self.take_up_late(now, out);
        let is_due = match self.rest {
            Idle::Again(at, _) | Idle::Backoff(at, _) | Idle::ResourceShortage(at) => {
                at <= now.instant
            }
            Idle::Stopped | Idle::Completed | Idle::Scheduled | Idle::Failed => false,
        };
        if is_due && self.wanted.is_none() && self.main().is_none() {
            self.wanted = Some(PendingStart::default());
        }
    }

    /// When the run at hand will have lasted long enough to clear the count of attempts, if any
    /// are spent.
    pub(super) fn forgiven_at(&self) -> Option<Instant> {
        let run =
            self.main().filter(|run| self.restart_counter.spent() > 0 && run.pid.is_some())?;
        run.started.instant.checked_add(self.spec.policy.restart.reset_after)
    }

    fn look_at_run(&mut self, key: RunKey, now: Now, out: &mut Vec<Effect>) {
        let policy = &self.spec.policy;
        let (start, stop) = (policy.start, policy.stop);
        let Some(run) = self.runs.iter_mut().find(|run| run.key == key) else {
            return;
        };
        let age = run.age(now);
        if run.pid.is_some() && !run.has_shown_life && age >= LIFE {
            run.has_shown_life = true;
            out.push(Effect::ShowedLife(key));
        }
        let is_over = start.run_timeout.is_some_and(|limit| age >= limit);
        let limit = || human_delay(start.run_timeout.unwrap_or_default());
        match &mut run.stage {
            Stage::Starting if start.ready == ReadyRule::Alive && age >= start.alive_after => {
                self.ready(key, now, out);
            }
            Stage::Starting if age >= start.timeout => {
                let limit = human_delay(start.timeout);
                let reason = format!("it was not ready within `start.timeout` = {limit}");
                run.stop(AfterStop::Fail(reason), stop, now, out);
            }
            Stage::Starting | Stage::Running if is_over => {
                let reason = format!("it ran longer than `start.run_timeout` = {}", limit());
                run.stop(AfterStop::Fail(reason), stop, now, out);
            }
            Stage::Stopping { asked: Some(asked), is_killed, .. }
                if !*is_killed && now.instant >= *asked + stop.timeout =>
            {
                *is_killed = true;
                let (id, limit) = (&self.id, human_delay(stop.timeout));
                let text = format!("Worker {id} did not end within {limit}, killing it");
                out.push(Effect::Log(Level::Warn, text));
                out.push(Effect::Kill(key));
            }
            Stage::Spawning | Stage::Starting | Stage::Running | Stage::Stopping { .. } => {}
        }
    }

    /// A run is ready: a candidate takes over.
    fn ready(&mut self, key: RunKey, now: Now, out: &mut Vec<Effect>) {
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
        announce(run, out);
        if !std::mem::replace(&mut run.has_shown_life, true) {
            out.push(Effect::ShowedLife(key));
        }
        self.facts.reason = None;
    }

    fn on_tick(&mut self, now: Now) {
        self.tick = self.schedule.as_ref().and_then(|s| s.next(now, self.tick));
        if self.runs.is_empty() && self.wanted.is_none() {
            self.begin(PendingStart::default());
        } else {
            self.facts.skipped += 1;
        }
    }

    pub(super) fn take(&mut self, key: RunKey) -> Option<Run> {
        let index = self.runs.iter().position(|run| run.key == key)?;
        Some(self.runs.remove(index))
    }
}

/// Says once a run that it is up.
pub(super) fn announce(run: &mut Run, out: &mut Vec<Effect>) {
    if std::mem::replace(&mut run.is_announced, true) {
        return;
    }
    let model = run.spec.model.as_deref().unwrap_or("none");
    let text = format!("✅ {} running with model: {model}", run.spec.id);
    out.push(Effect::Log(Level::Info, text));
}
