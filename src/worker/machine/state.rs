//! The state of a machine: plain data that can be saved, and what all of its parts share.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    event::{Effect, Event, Level, RunKey},
    jitter::Jitter,
    run::{AfterStop, Role, Run},
    timer::TimerTable,
};
use crate::{
    domain::{
        Exit, ExitReason, LastExit, OnChange, PastRun, ReadyRule, RunId, ScheduleMark, Stamp,
        WorkerId, WorkerSpec,
    },
    worker::{
        change_throttle::ChangeThrottle,
        clock::{Moment, Present},
        restart_delay::RestartCounter,
        schedule::{Schedule, Tick},
    },
};

/// What a worker does while it has no run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Idle {
    /// Stopped by a person or by its settings, or never started.
    Stopped,
    /// Exited with 0 and need not run again.
    Completed,
    /// Waits for its schedule.
    Scheduled,
    /// Exited with 0 and runs again then.
    Again(Moment, Stamp),
    /// Failed and tries again then.
    Backoff(Moment, Stamp),
    /// The operating system refused a process; tries again then.
    ResourceShortage(Moment),
    /// Gave up.
    Failed,
}

/// Why a worker leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Leaving {
    No,
    Removed,
    Shutdown,
}

/// A run that should begin as soon as it may.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct PendingStart {
    pub(super) input: Option<String>,
    pub(super) by_restart: bool,
}

/// Everything a machine knows. No part of it is bound to this program: it can be saved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MachineState {
    pub(super) id: WorkerId,
    pub(super) spec: Arc<WorkerSpec>,
    /// Made from the spec; whoever restores a machine makes it anew.
    #[serde(skip)]
    pub(super) schedule: Option<Schedule>,
    /// The next moment of the schedule.
    pub(super) tick: Option<Tick>,
    /// How far the schedule has come; `None` without one.
    #[serde(default)]
    pub(super) mark: Option<ScheduleMark>,
    pub(super) idle: Idle,
    pub(super) pending: Option<PendingStart>,
    /// Whether a changed launch is to be tried beside the main run.
    pub(super) wants_candidate: bool,
    /// Whether permission to launch was asked for and not given yet.
    pub(super) has_asked: bool,
    pub(super) runs: Vec<Run>,
    /// What the last main run was launched with.
    pub(super) launched: Option<Arc<WorkerSpec>>,
    pub(super) restart_counter: RestartCounter,
    /// Whether a person stopped it.
    pub(super) is_held: bool,
    pub(super) leaving: Leaving,
    pub(super) change_throttle: ChangeThrottle,
    /// When a change is taken up that came too soon after others.
    pub(super) postponed: Option<Moment>,
    /// Counts the requests of people that began a new life.
    pub(super) epoch: u64,
    pub(super) next_key: u64,
    pub(super) jitter: Jitter,
    pub(super) facts: Facts,
    /// Follows from all the rest: see [`MachineState::arm`].
    #[serde(skip)]
    pub(super) timers: TimerTable,
}

/// What is only shown, and decides nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) starts: u64,
    pub(super) skipped: u64,
    pub(super) last_run_at: Option<Stamp>,
    /// Whether the last run has called a task.
    pub(super) is_task: bool,
    pub(super) last_run: Option<RunId>,
    pub(super) last_exit: Option<LastExit>,
    #[serde(with = "pairs")]
    pub(super) exits: BTreeMap<Exit, u64>,
    pub(super) past: Arc<VecDeque<PastRun>>,
    pub(super) reason: Option<ExitReason>,
    /// What became of an overlap that failed.
    pub(super) note: Option<String>,
    /// What the operating system could not give its last run.
    pub(super) launch_warnings: Vec<String>,
    /// Whether it was reported already that the operating system refuses a process.
    pub(super) reported_shortage: bool,
}

/// A map whose keys are not strings, as a list of pairs: a JSON object has no other keys.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::domain::Exit;

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Exit, u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Exit, u64>, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

impl MachineState {
    pub(super) fn new(
        spec: Arc<WorkerSpec>,
        (schedule, mark): (Option<Schedule>, Option<ScheduleMark>),
        seed: u64,
        now: Present,
    ) -> (Self, Vec<Effect>) {
        let mut state = Self {
            id: spec.id.clone(),
            spec,
            schedule,
            tick: None,
            mark,
            idle: Idle::Stopped,
            pending: None,
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
            timers: TimerTable::default(),
        };
        let mut out = Vec::new();
        let is_overdue = state.is_overdue(now);
        state.mark(now);
        state.begin_afresh(now);
        if is_overdue && state.pending.is_none() {
            state.begin(PendingStart::default());
        }
        state.settle(&mut out);
        (state, out)
    }

    /// Goes on in a program that was not there when the state was saved.
    pub(super) fn resume(&mut self, schedule: Option<Schedule>) -> Vec<Effect> {
        let mut out = Vec::new();
        self.schedule = schedule;
        // The permission was asked of a limiter that is gone with the other program.
        self.has_asked = false;
        for run in &mut self.runs {
            run.probing.forget_question();
        }
        self.settle(&mut out);
        out
    }

    pub(super) fn handle(&mut self, event: Event, now: Present) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Admitted => self.on_admitted(now, &mut out),
            Event::Spawned { run, id, instance } => self.on_spawned(run, id, instance, now),
            Event::LimitsNotApplied { run, warnings } => {
                if self.runs.iter().any(|known| known.key == run) {
                    self.facts.launch_warnings = warnings;
                }
            }
            Event::SpawnFailed { run, reason, failure } => {
                self.on_spawn_failed(run, (failure, reason), now, &mut out);
            }
            Event::SaidReady(run) => {
                self.on_ready_sign(run, ReadyRule::Message, now, &mut out);
            }
            Event::PrintedReadyLine(run) => {
                self.on_ready_sign(run, ReadyRule::Line, now, &mut out);
            }
            Event::Probed { run, number, answer } => {
                self.on_probed(run, (number, answer), now, &mut out);
            }
            Event::TaskBegan(run) => {
                self.with_run(run, |run| run.is_task = true);
                self.facts.is_task = true;
            }
            Event::SaidExitReason { run, reason, retry_after } => self.with_run(run, |run| {
                run.exit_reason = Some(reason);
                run.retry_after = retry_after;
            }),
            Event::MemorySeen { run, used, limit } => {
                self.on_memory(run, (used, limit), now, &mut out);
            }
            Event::Exited { run, exit, evidence } => {
                self.on_exited(run, (exit, evidence), now, &mut out);
            }
            Event::Deadline => {}
            Event::ClockMoved => self.on_clock_moved(now),
        }
        self.fire_due(now, &mut out);
        self.settle(&mut out);
        out
    }

    /// The worker is to be gone.
    pub(super) fn leave(&mut self, why: Leaving, now: Present) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.leaving == Leaving::No && self.main().is_some() {
            out.push(Effect::Log(Level::Info, format!("Stopping worker: {}", self.id)));
        }
        self.leaving = why;
        self.pending = None;
        self.wants_candidate = false;
        self.tick = None;
        self.idle = Idle::Stopped;
        self.stop_runs(&AfterStop::Idle, now, &mut out);
        self.settle(&mut out);
        out
    }

    /// Does what the state as a whole asks for, whatever led to it. The last step of everything.
    pub(super) fn settle(&mut self, out: &mut Vec<Effect>) {
        self.arm();
        if self.leaving != Leaving::No {
            if self.runs.is_empty() {
                out.push(Effect::Gone);
            }
            return;
        }
        let wants_main = self.pending.is_some() && self.runs.is_empty();
        if (wants_main || self.may_launch_candidate()) && !self.has_asked {
            self.has_asked = true;
            out.push(Effect::AskTurn);
        }
    }

    pub(super) fn may_launch_candidate(&self) -> bool {
        self.wants_candidate && self.runs.len() == 1 && self.main().is_some_and(Run::is_up)
    }

    /// The run that counts, if there is one.
    pub(super) fn main(&self) -> Option<&Run> {
        self.runs.iter().find(|run| run.role == Role::Main)
    }

    pub(super) fn with_run(&mut self, key: RunKey, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.iter_mut().find(|run| run.key == key) {
            change(run);
        }
    }

    /// Takes out a run that is over.
    pub(super) fn take(&mut self, key: RunKey) -> Option<Run> {
        let index = self.runs.iter().position(|run| run.key == key)?;
        Some(self.runs.remove(index))
    }

    /// Asks every run to end.
    pub(super) fn stop_runs(&mut self, then: &AfterStop, now: Present, out: &mut Vec<Effect>) {
        let stop = self.spec.policy.stop;
        for run in &mut self.runs {
            let then = if run.role == Role::Main { then.clone() } else { AfterStop::Retire };
            run.stop(then, stop, now, out);
        }
    }

    /// A fresh life: whatever failed before is forgotten.
    pub(super) fn begin(&mut self, pending: PendingStart) {
        self.restart_counter.clear();
        self.facts.reason = None;
        self.facts.reported_shortage = false;
        self.pending = Some(pending);
    }

    /// Looks up the next moment of the schedule.
    pub(super) fn retick(&mut self, now: Present) {
        let is_active = self.spec.policy.enabled && !self.is_held && self.leaving == Leaving::No;
        self.tick = self
            .schedule
            .as_ref()
            .filter(|_| is_active)
            .and_then(|s| s.first(now, self.mark.as_ref()));
    }

    /// Whether a tick was missed before now.
    pub(super) fn is_overdue(&self, now: Present) -> bool {
        let (Some(schedule), Some(mark)) = (&self.schedule, &self.mark) else { return false };
        let expression = self.spec.policy.schedule.as_ref().map(|policy| &policy.expression);
        // By another cron line there were no ticks to miss.
        let is_same = expression == Some(&mark.expression) || !schedule.follows_the_wall();
        self.spec.policy.enabled && is_same && schedule.is_overdue(now, mark)
    }

    /// Marks that every tick until now was followed, or is not meant to be.
    pub(super) fn mark(&mut self, now: Present) {
        let policy = self.spec.policy.schedule.as_ref().filter(|_| self.spec.policy.enabled);
        self.mark = policy.map(|policy| ScheduleMark {
            expression: policy.expression.clone(),
            counted_from: self.mark.as_ref().map_or(now.wall, |mark| mark.counted_from),
            seen: now.wall,
        });
    }

    /// Where a worker that just appeared, or is enabled again, begins.
    pub(super) fn begin_afresh(&mut self, now: Present) {
        self.retick(now);
        if !self.spec.policy.enabled {
            self.idle = Idle::Stopped;
            return;
        }
        match &self.schedule {
            Some(schedule) if !schedule.run_at_start => self.idle = Idle::Scheduled,
            _ => self.begin(PendingStart::default()),
        }
    }

    pub(super) fn on_change(&self) -> OnChange {
        self.spec.policy.reload
    }
}
