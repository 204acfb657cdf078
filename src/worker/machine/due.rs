//! Sets the machine's timers from its state, and acts on those that are due.

use super::{
    event::{Effect, Level, RunKey},
    run::{AfterStop, Run, Stage},
    state::{Idle, MachineState, PendingStart},
    timer::Timer,
};
use crate::{
    domain::{ExitCause, human_delay},
    worker::clock::{Moment, Present},
};

impl MachineState {
    /// Sets every timer by the state. The state decides and no timer is ever set elsewhere: an
    /// edit of a timeout moves the timer of a run that was launched before the edit.
    pub(super) fn arm(&mut self) {
        self.timers.clear();
        for run in &self.runs {
            run.arm(&self.spec.policy, &mut self.timers);
        }
        let retry = match self.idle {
            Idle::Again(at, _) | Idle::Backoff(at, _) | Idle::ResourceShortage(at) => Some(at),
            Idle::Stopped | Idle::Completed | Idle::Scheduled | Idle::Failed => None,
        };
        let retry = retry.filter(|_| self.pending.is_none() && self.main().is_none());
        for (timer, at) in [
            (Timer::ResetAttempts, self.attempts_reset_at()),
            (Timer::Tick, self.tick.map(|tick| tick.moment)),
            (Timer::TakeUpChange, self.postponed),
            (Timer::Retry, retry),
        ] {
            if let Some(at) = at {
                self.timers.set(timer, at);
            }
        }
    }

    /// Does all that is due by now.
    pub(super) fn fire_due(&mut self, now: Present, out: &mut Vec<Effect>) {
        // What was just handled may have moved a timer. So may each timer: a run that is stopped
        // for taking too long will not get ready any more, though it was due to in this moment.
        // Each one leaves a state that does not set it for the same moment again, so this ends.
        self.arm();
        while let Some(timer) = self.timers.pop_due(now.moment) {
            self.fire(timer, now, out);
            self.arm();
        }
    }

    fn fire(&mut self, timer: Timer, now: Present, out: &mut Vec<Effect>) {
        let start = &self.spec.policy.start;
        match timer {
            Timer::ShownLife(key) => {
                self.with_run(key, |run| run.has_shown_life = true);
                out.push(Effect::ShowedLife(key));
            }
            Timer::Ready(key) => self.ready(key, now, out),
            Timer::StartTimeout(key) => {
                let cause = ExitCause::StartTimeout(start.timeout);
                self.log_unready(key, out);
                self.stop_as_failed(key, cause, now, out);
            }
            Timer::RunTimeout(key) => {
                let limit = start.run_timeout.unwrap_or_default();
                self.stop_as_failed(key, ExitCause::RunTimeout(limit), now, out);
            }
            Timer::StopTimeout(key) => self.kill(key, out),
            Timer::Probe(key) => self.ask_probe(key, now, out),
            Timer::ResetAttempts => self.restart_counter.clear(),
            Timer::Tick => self.on_tick(now),
            Timer::TakeUpChange => self.take_up_postponed(now, out),
            Timer::Retry => self.pending = Some(PendingStart::default()),
        }
    }

    /// When the run at hand will have lasted long enough to give the spent attempts back.
    fn attempts_reset_at(&self) -> Option<Moment> {
        let is_counted = |run: &&Run| self.restart_counter.spent() > 0 && run.is_spawned();
        let run = self.main().filter(is_counted)?;
        Some(run.started.moment.after(self.spec.policy.restart.reset_after))
    }

    /// A run took too long or too much, or is unresponsive: it is stopped, and has failed.
    pub(super) fn stop_as_failed(
        &mut self,
        key: RunKey,
        cause: ExitCause,
        now: Present,
        out: &mut Vec<Effect>,
    ) {
        let stop = self.spec.policy.stop;
        self.with_run(key, |run| run.stop(AfterStop::Fail(cause), stop, now, out));
    }

    /// A run that is over its memory limit is stopped, and has failed; one that is being stopped
    /// already just ends.
    pub(super) fn on_memory(
        &mut self,
        key: RunKey,
        (used, limit): (u64, u64),
        now: Present,
        out: &mut Vec<Effect>,
    ) {
        let is_over = used > limit;
        if is_over && self.runs.iter().any(|run| run.key == key && !run.is_stopping()) {
            self.stop_as_failed(key, ExitCause::OverMemory { used, limit }, now, out);
        }
    }

    /// A run did not end though it was asked to.
    fn kill(&mut self, key: RunKey, out: &mut Vec<Effect>) {
        let (id, limit) = (&self.id, human_delay(self.spec.policy.stop.timeout));
        let text = format!("Worker {id} did not end within {limit}, killing it");
        out.push(Effect::Log(Level::Warn, text));
        out.push(Effect::Kill(key));
        self.with_run(key, |run| {
            if let Stage::Stopping { is_killed, .. } = &mut run.stage {
                *is_killed = true;
            }
        });
    }

    fn on_tick(&mut self, now: Present) {
        self.mark(now);
        self.tick = self.schedule.as_ref().and_then(|s| s.next(now, self.tick));
        if self.runs.is_empty() && self.pending.is_none() {
            self.begin(PendingStart::default());
        } else {
            self.facts.skipped += 1;
        }
    }
}
