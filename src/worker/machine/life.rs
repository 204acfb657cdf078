//! What happens to runs, and what follows from it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Effect, Machine, Rest, RunKey, Tone, Wanted,
    run::{LIFE, Role, Run, Stage, Then},
};
use crate::{
    domain::{Evidence, Exit, LastExit, ReadyRule, RestartWhen, RunId, human_delay},
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
            self.rest = Rest::Stopped;
            self.launch(Role::Main, wanted, now, out);
        } else if self.may_launch_candidate() {
            self.wants_candidate = false;
            self.launch(Role::Candidate, Wanted::default(), now, out);
        } else {
            out.push(Effect::YieldTurn);
        }
    }

    fn launch(&mut self, role: Role, wanted: Wanted, now: Now, out: &mut Vec<Effect>) {
        let key = RunKey(self.next_key);
        self.next_key += 1;
        self.facts.hindrances.clear();
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
        self.facts.told_starved = false;
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
            self.after_stop(then, now, out);
        } else if is_transient {
            if !std::mem::replace(&mut self.facts.told_starved, true) {
                let id = &self.id;
                let text = format!("Worker {id} cannot be launched for the moment: {reason}");
                out.push(Effect::Log(Tone::Warn, text));
            }
            self.rest = Rest::Starved(now.instant + STARVED_PAUSE);
        } else {
            let text = format!("Worker {} cannot be launched: {reason}", self.id);
            out.push(Effect::Log(Tone::Warn, text));
            self.facts.last_exit = Some(LastExit {
                exit: None,
                reason: Some(reason.clone()),
                at: now.wall,
                uptime: Duration::ZERO,
                evidence: Evidence::default(),
            });
            self.facts.reason = Some(reason);
            self.rest = Rest::Failed;
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
            self.budget.clear();
        }
        if self.tick.is_some_and(|tick| tick.instant <= now.instant) {
            self.on_tick(now);
        }
        self.take_up_late(now, out);
        let is_due = match self.rest {
            Rest::Again(at, _) | Rest::Backoff(at, _) | Rest::Starved(at) => at <= now.instant,
            Rest::Stopped | Rest::Completed | Rest::Scheduled | Rest::Failed => false,
        };
        if is_due && self.wanted.is_none() && self.main().is_none() {
            self.wanted = Some(Wanted::default());
        }
    }

    /// When the run at hand will have lasted long enough to clear the count of attempts, if any
    /// are spent.
    pub(super) fn forgiven_at(&self) -> Option<Instant> {
        let run = self.main().filter(|run| self.budget.spent() > 0 && run.pid.is_some())?;
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
                run.stop(Then::Fail(reason), stop, now, out);
            }
            Stage::Starting | Stage::Running if is_over => {
                let reason = format!("it ran longer than `start.run_timeout` = {}", limit());
                run.stop(Then::Fail(reason), stop, now, out);
            }
            Stage::Stopping { asked: Some(asked), is_killed, .. }
                if !*is_killed && now.instant >= *asked + stop.timeout =>
            {
                *is_killed = true;
                let (id, limit) = (&self.id, human_delay(stop.timeout));
                let text = format!("Worker {id} did not end within {limit}, killing it");
                out.push(Effect::Log(Tone::Warn, text));
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
                old.stop(Then::Retire, stop, now, out);
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
            self.begin(Wanted::default());
        } else {
            self.facts.skipped += 1;
        }
    }

    pub(super) fn on_exited(
        &mut self,
        key: RunKey,
        (exit, evidence): (Exit, Evidence),
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let Some(mut run) = self.take(key) else {
            return;
        };
        if exit.is_success() && !run.is_stopping() {
            announce(&mut run, out);
        }
        let is_bad = !exit.is_success() && !run.is_stopping();
        let tone = if is_bad { Tone::Warn } else { Tone::Info };
        out.push(Effect::Log(tone, format!("Worker {} exited with {exit}", self.id)));
        *self.facts.exits.entry(exit).or_default() += 1;
        let cause = cause_of(&run, exit, &evidence);
        if let Some(cause) = cause.as_ref().filter(|_| is_bad || run.has_overstayed()) {
            out.push(Effect::Log(Tone::Warn, format!("Worker {} failed: {cause}", self.id)));
        }
        let reason = reason_of(&run, exit, cause);
        self.facts.remember(&run, exit, reason.clone(), now);
        self.facts.last_exit = Some(LastExit {
            exit: Some(exit),
            reason: reason.clone(),
            at: now.wall,
            uptime: run.age(now),
            evidence,
        });
        match (run.role, run.stage.clone()) {
            (Role::Retiring, _) => {}
            (Role::Candidate, Stage::Stopping { then: Then::Again { .. }, .. }) => {
                self.wants_candidate = true;
            }
            (Role::Candidate, Stage::Stopping { then: Then::Rest | Then::Retire, .. }) => {}
            (Role::Candidate, _) => self.candidate_failed(&run, reason.unwrap_or_default(), out),
            (Role::Main, Stage::Stopping { then: Then::Fail(_), .. }) => {
                self.failed(&run, reason.unwrap_or_default(), now, out);
            }
            (Role::Main, Stage::Stopping { then, .. }) => self.after_stop(then, now, out),
            (Role::Main, _) if self.promote_candidate() => {}
            (Role::Main, _) if exit.is_success() => self.succeeded(now),
            (Role::Main, _) => self.failed(&run, reason.unwrap_or_default(), now, out),
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

    fn candidate_failed(&mut self, run: &Run, reason: String, out: &mut Vec<Effect>) {
        let id = &self.id;
        let note = format!("the changed version was not ready ({reason}); the old run is kept");
        out.push(Effect::Log(Tone::Warn, format!("Worker {id}: {note}")));
        // An edit that came meanwhile has its own try ahead.
        if run.spec.launch == self.spec.launch {
            self.wants_candidate = false;
        }
        self.facts.note = Some(note);
    }

    fn after_stop(&mut self, then: Then, now: Now, out: &mut Vec<Effect>) {
        match then {
            Then::Again { by_person } => self.begin(Wanted { input: None, by_person }),
            Then::Rest | Then::Retire => self.rest = Rest::Stopped,
            Then::Fail(reason) => {
                // It never had a process: there is no run to speak of.
                self.facts.reason = Some(reason);
                self.rest = Rest::Failed;
            }
        }
        if self.rest == Rest::Stopped && self.wanted.is_none() {
            self.retick(now);
        }
        let _ = out;
    }

    fn succeeded(&mut self, now: Now) {
        self.budget.clear();
        self.facts.reason = None;
        let restart = &self.spec.policy.restart;
        self.rest = if self.schedule.is_some() {
            Rest::Scheduled
        } else if restart.policy == RestartWhen::Always {
            Rest::Again(now.instant + restart.delay, now.wall.after(restart.delay))
        } else {
            Rest::Completed
        };
    }

    fn failed(&mut self, run: &Run, reason: String, now: Now, out: &mut Vec<Effect>) {
        let restart = self.spec.policy.restart;
        if run.age(now) >= restart.reset_after {
            self.budget.clear();
        }
        self.facts.reason = Some(reason);
        if restart.policy == RestartWhen::Never {
            self.rest = Rest::Failed;
            return;
        }
        let chance = self.chance.next();
        let Some(attempt) = self.budget.spend(&restart, chance, run.retry_after) else {
            self.rest = Rest::Failed;
            let text = format!("Worker {} failed too many times, giving up", self.id);
            out.push(Effect::Log(Tone::Warn, text));
            return;
        };
        self.rest = Rest::Backoff(now.instant + attempt.delay, now.wall.after(attempt.delay));
        let max = match restart.max_attempts {
            crate::domain::Attempts::Max(max) => format!("/{max}"),
            crate::domain::Attempts::Unlimited => String::new(),
        };
        let (id, number, delay) = (&self.id, attempt.number, human_delay(attempt.delay));
        let text = format!("Restarting worker {id} (attempt {number}{max}) in {delay}");
        out.push(Effect::Log(Tone::Info, text));
    }

    fn take(&mut self, key: RunKey) -> Option<Run> {
        let index = self.runs.iter().position(|run| run.key == key)?;
        Some(self.runs.remove(index))
    }
}

/// Says once a run that it is up.
fn announce(run: &mut Run, out: &mut Vec<Effect>) {
    if std::mem::replace(&mut run.is_announced, true) {
        return;
    }
    let model = run.spec.model.as_deref().unwrap_or("none");
    let text = format!("✅ {} running with model: {model}", run.spec.id);
    out.push(Effect::Log(Tone::Info, text));
}

/// Why a run ended, in words, beside the code or the signal; nothing where that is not known.
fn cause_of(run: &Run, exit: Exit, evidence: &Evidence) -> Option<String> {
    if let Stage::Stopping { then: Then::Fail(reason), .. } = &run.stage {
        return Some(reason.clone());
    }
    let is_asked = run.is_stopping() || exit.is_success();
    let found = evidence.diagnosis.clone().filter(|_| !is_asked);
    run.exit_reason.clone().or(found)
}

/// The cause with the facts; nothing where a run just did its work or was asked to end.
fn reason_of(run: &Run, exit: Exit, cause: Option<String>) -> Option<String> {
    if run.is_stopping() || exit.is_success() {
        return cause;
    }
    let facts = match exit {
        Exit::Code(code) => format!("exited with code {code}"),
        Exit::Signal(_) => format!("killed by {}", exit.signal().unwrap_or_default()),
    };
    Some(match cause {
        Some(cause) => format!("{cause} ({facts})"),
        None => facts,
    })
}
