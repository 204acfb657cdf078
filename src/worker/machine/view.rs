//! The worker as the status shows it.

use std::sync::Arc;

use super::{
    run::{AfterStop, Role, Run, Stage},
    state::{Idle, MachineState},
};
use crate::{
    domain::{LastActivity, LogCounters, Mode, RestartWhen, Started, State, WorkerView},
    worker::clock::Clock,
};

impl MachineState {
    /// Where the worker is in its life.
    pub(super) fn state(&self) -> State {
        if let Some(run) = self.main() {
            return match run.stage {
                Stage::Spawning | Stage::Starting => State::Starting,
                Stage::Running => State::Running,
                Stage::Stopping { .. } => State::Stopping,
            };
        }
        if self.pending.is_some() {
            return State::Starting;
        }
        if self.runs.iter().any(|run| run.role != Role::Main) {
            return State::Stopping;
        }
        match self.idle {
            Idle::Stopped => State::Stopped,
            Idle::Completed => State::Completed,
            Idle::Scheduled | Idle::Again(..) => State::Scheduled,
            Idle::Backoff(..) => State::Backoff,
            Idle::ResourceShortage(_) => State::Starting,
            Idle::Failed => State::Failed,
        }
    }

    /// Whether what runs, or ran last, is another launch than the one that should.
    pub(super) fn is_changed(&self) -> bool {
        self.launched.as_ref().is_some_and(|launched| launched.launch != self.spec.launch)
    }

    /// Whether an edit is not taken up until a person asks for it: not where a tick, a turn or a
    /// stop that is under way will do so.
    fn needs_a_person(&self) -> bool {
        if !self.is_changed() || self.pending.is_some() || self.postponed.is_some() {
            return false;
        }
        // The next tick launches what should run then.
        if self.tick.is_some() && self.spec.untrusted.is_none() {
            return false;
        }
        match self.main().map(|run| &run.stage) {
            Some(Stage::Stopping { then, .. }) => !self.is_launching_after(then),
            Some(_) => true,
            None => !matches!(self.idle, Idle::Again(..) | Idle::ResourceShortage(_)),
        }
    }

    /// Whether what follows a stop is another run.
    fn is_launching_after(&self, then: &AfterStop) -> bool {
        match then {
            AfterStop::Again { .. } => true,
            AfterStop::Fail(_) => self.spec.policy.restart.policy != RestartWhen::Never,
            AfterStop::Idle | AfterStop::Retire => false,
        }
    }

    /// The worker now, with what is counted and heard outside.
    pub(super) fn view(
        &self,
        clock: Clock,
        log: Arc<LogCounters>,
        activity: Option<LastActivity>,
    ) -> WorkerView {
        let (state, facts, main) = (self.state(), &self.facts, self.main());
        let has_failed = matches!(state, State::Backoff | State::Failed);
        let next_start_at = match self.idle {
            Idle::Again(_, at) | Idle::Backoff(_, at) if main.is_none() => Some(at),
            _ => self.tick.map(|tick| tick.at),
        };
        let postponed = self.postponed.map(|_| {
            "its files or settings change too often; the last change waits a moment".to_owned()
        });
        WorkerView {
            id: self.id.clone(),
            state,
            enabled: self.spec.policy.enabled,
            epoch: self.epoch,
            file: self.spec.file.clone(),
            rule: self.spec.rule.clone(),
            mode: if facts.is_task { Mode::Task } else { self.spec.launch.mode },
            has_run: main.is_some_and(Run::is_spawned),
            instance: main.and_then(|run| run.instance.clone()),
            run_id: facts.last_run.clone(),
            model: self.spec.model.clone(),
            started: main.and_then(|run| started(run, clock)),
            last_run_at: facts.last_run_at,
            attempts: self.restart_counter.spent(),
            max_attempts: self.spec.policy.restart.max_attempts,
            next_start_at,
            starts: facts.starts,
            skipped_runs: facts.skipped,
            last_exit: facts.last_exit.clone(),
            reason: facts.reason.clone().filter(|_| has_failed),
            changed: self.needs_a_person(),
            warnings: {
                let own = self.spec.warnings.iter().chain(&facts.note);
                own.chain(&facts.launch_warnings).chain(&postponed).cloned().collect()
            },
            log,
            last_activity: activity,
            exits: facts.exits.clone(),
            past: Arc::clone(&facts.past),
        }
    }
}

/// When a run was launched, by this program's clock; `None` before it has a process.
fn started(run: &Run, clock: Clock) -> Option<Started> {
    let instant = clock.instant(run.started.moment).filter(|_| run.is_spawned())?;
    Some(Started { at: run.started.wall, instant })
}
