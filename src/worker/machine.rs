//! The state machine of one worker.
//!
//! A worker has at most one *main* run. During an overlap it has a *candidate* beside it, and
//! after one the old run is *retiring*. A wish to run waits until no run is left, then for a turn
//! (the engine bounds how many launch at once), then a run is spawned.
//!
//! Invariant: a new main run is spawned only while no run lives, and a candidate only beside one
//! main run. Every run that was spawned is reported to have exited exactly once.

mod change;
mod ending;
mod event;
mod jitter;
mod life;
mod past;
mod request;
mod run;
mod view;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use crate::{
    domain::{Exit, LastExit, OnChange, PastRun, RunId, Stamp, WorkerId, WorkerSpec},
    worker::{Now, RestartCounter, Schedule, Tick, change_throttle::ChangeThrottle},
};

use jitter::Jitter;
use run::{AfterStop, Role, Run};

pub use event::{Effect, Event, Level, RunKey};
pub use request::{Outcome, Refusal, Wish};

/// What a worker does while it has no run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Idle {
    /// Stopped by a person or by its settings, or never started.
    Stopped,
    /// Exited with 0 and need not run again.
    Completed,
    /// Waits for its schedule.
    Scheduled,
    /// Exited with 0 and runs again then.
    Again(Instant, Stamp),
    /// Failed and tries again then.
    Backoff(Instant, Stamp),
    /// The machine refused a process; tries again then.
    ResourceShortage(Instant),
    /// Gave up.
    Failed,
}

/// Why a worker leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    No,
    Removed,
    Shutdown,
}

/// A run that is wanted.
#[derive(Clone, Debug, Default)]
struct PendingStart {
    input: Option<String>,
    by_person: bool,
}

/// One worker's life.
#[derive(Debug)]
pub struct Machine {
    id: WorkerId,
    spec: Arc<WorkerSpec>,
    schedule: Option<Schedule>,
    tick: Option<Tick>,
    rest: Idle,
    wanted: Option<PendingStart>,
    wants_candidate: bool,
    has_asked: bool,
    runs: Vec<Run>,
    /// What the last main run was launched with.
    launched: Option<Arc<WorkerSpec>>,
    restart_counter: RestartCounter,
    /// Whether a person stopped it.
    is_held: bool,
    leaving: Leaving,
    change_throttle: ChangeThrottle,
    /// When a change is taken up that came too soon after others.
    postponed: Option<Instant>,
    epoch: u64,
    next_key: u64,
    jitter: Jitter,
    facts: Facts,
}

/// What is only told.
#[derive(Debug, Default)]
struct Facts {
    starts: u64,
    skipped: u64,
    last_run_at: Option<Stamp>,
    last_run: Option<RunId>,
    last_exit: Option<LastExit>,
    exits: BTreeMap<Exit, u64>,
    past: Arc<VecDeque<PastRun>>,
    reason: Option<String>,
    /// What became of an overlap that failed.
    note: Option<String>,
    /// What the machine could not give its last run.
    launch_warnings: Vec<String>,
    /// Whether the machine's refusal of a process was told already.
    reported_shortage: bool,
}

impl Machine {
    /// A worker that just appeared. `seed` decides the jitter of its delays.
    pub fn new(
        spec: Arc<WorkerSpec>,
        schedule: Option<Schedule>,
        seed: u64,
        now: Now,
    ) -> (Self, Vec<Effect>) {
        let mut machine = Self {
            id: spec.id.clone(),
            spec,
            schedule,
            tick: None,
            rest: Idle::Stopped,
            wanted: None,
            wants_candidate: false,
            has_asked: false,
            runs: Vec::new(),
            launched: None,
            restart_counter: RestartCounter::default(),
            is_held: false,
            leaving: Leaving::No,
            change_throttle: ChangeThrottle::default(),
            postponed: None,
            epoch: 0,
            next_key: 0,
            jitter: Jitter::new(seed),
            facts: Facts::default(),
        };
        let mut out = Vec::new();
        machine.first_rest(now);
        machine.settle(&mut out);
        (machine, out)
    }

    /// Tells what happened; answers with what is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Admitted => self.on_admitted(now, &mut out),
            Event::Spawned { run, id, pid } => self.on_spawned(run, id, pid, now, &mut out),
            Event::LimitsNotApplied { run, warnings } => {
                if self.runs.iter().any(|known| known.key == run) {
                    self.facts.launch_warnings = warnings;
                }
            }
            Event::SpawnFailed { run, reason, is_transient } => {
                self.on_spawn_failed(run, reason, is_transient, now, &mut out);
            }
            Event::SaidReady(run) => self.on_said_ready(run, now, &mut out),
            Event::TaskBegan(run) => self.with_run(run, |run| run.is_task = true),
            Event::SaidExitReason { run, reason, retry_after } => self.with_run(run, |run| {
                run.exit_reason = Some(reason);
                run.retry_after = retry_after;
            }),
            Event::Exited { run, exit, evidence } => {
                self.on_exited(run, (exit, evidence), now, &mut out);
            }
            Event::Deadline => {}
            Event::ClockMoved => self.on_clock_moved(now),
        }
        self.on_deadlines(now, &mut out);
        self.settle(&mut out);
        out
    }

    /// When [`Event::Deadline`] is due next. Earlier or more often does no harm.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let resting = match self.rest {
            Idle::Again(at, _) | Idle::Backoff(at, _) | Idle::ResourceShortage(at)
                if self.wanted.is_none() && self.main().is_none() =>
            {
                Some(at)
            }
            _ => None,
        };
        let policy = &self.spec.policy;
        let runs = self.runs.iter().filter_map(|run| run.deadline(policy)).min();
        let tick = self.tick.map(|tick| tick.instant);
        [resting, runs, tick, self.forgiven_at(), self.postponed].into_iter().flatten().min()
    }

    /// The worker's file is gone.
    #[must_use]
    pub fn remove(&mut self, now: Now) -> Vec<Effect> {
        self.leave(Leaving::Removed, now)
    }

    /// arcanos ends.
    #[must_use]
    pub fn shut_down(&mut self, now: Now) -> Vec<Effect> {
        self.leave(Leaving::Shutdown, now)
    }

    /// Whether nothing of it is left: no run, and none wanted.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.leaving != Leaving::No && self.runs.is_empty()
    }

    /// What its next run will be launched with.
    #[must_use]
    pub const fn spec(&self) -> &Arc<WorkerSpec> {
        &self.spec
    }

    fn leave(&mut self, why: Leaving, now: Now) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.leaving == Leaving::No && self.main().is_some() {
            out.push(Effect::Log(Level::Info, format!("Stopping worker: {}", self.id)));
        }
        self.leaving = why;
        self.wanted = None;
        self.wants_candidate = false;
        self.tick = None;
        self.rest = Idle::Stopped;
        self.stop_runs(&AfterStop::Idle, now, &mut out);
        self.settle(&mut out);
        out
    }

    /// Does what the state as a whole asks for, whatever led to it.
    fn settle(&mut self, out: &mut Vec<Effect>) {
        if self.leaving != Leaving::No {
            if self.runs.is_empty() {
                out.push(Effect::Gone);
            }
            return;
        }
        let wants_main = self.wanted.is_some() && self.runs.is_empty();
        if (wants_main || self.may_launch_candidate()) && !self.has_asked {
            self.has_asked = true;
            out.push(Effect::AskTurn);
        }
    }

    fn may_launch_candidate(&self) -> bool {
        self.wants_candidate && self.runs.len() == 1 && self.main().is_some_and(Run::is_up)
    }

    fn main(&self) -> Option<&Run> {
        self.runs.iter().find(|run| run.role == Role::Main)
    }

    fn with_run(&mut self, key: RunKey, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.iter_mut().find(|run| run.key == key) {
            change(run);
        }
    }

    /// Asks every run to end.
    fn stop_runs(&mut self, then: &AfterStop, now: Now, out: &mut Vec<Effect>) {
        let stop = self.spec.policy.stop;
        for run in &mut self.runs {
            let then = if run.role == Role::Main { then.clone() } else { AfterStop::Retire };
            run.stop(then, stop, now, out);
        }
    }

    /// A fresh life: whatever failed before is forgotten.
    fn begin(&mut self, wanted: PendingStart) {
        self.restart_counter.clear();
        self.facts.reason = None;
        self.facts.reported_shortage = false;
        self.wanted = Some(wanted);
    }

    fn retick(&mut self, now: Now) {
        let is_active = self.spec.policy.enabled && !self.is_held && self.leaving == Leaving::No;
        self.tick = self.schedule.as_ref().filter(|_| is_active).and_then(|s| s.next(now, None));
    }

    /// Where a worker that just appeared, or is enabled again, begins.
    fn first_rest(&mut self, now: Now) {
        self.retick(now);
        if !self.spec.policy.enabled {
            self.rest = Idle::Stopped;
            return;
        }
        match &self.schedule {
            Some(schedule) if !schedule.run_at_start => self.rest = Idle::Scheduled,
            _ => self.begin(PendingStart::default()),
        }
    }

    fn on_change(&self) -> OnChange {
        self.spec.policy.reload
    }
}

#[cfg(test)]
mod tests;
