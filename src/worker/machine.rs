//! The state machine of one worker.
//!
//! A worker has at most one *main* run. During an overlap it has a *candidate* beside it, and
//! after one the old run is *retiring*. A pending start waits until no run is left, then for
//! permission to launch (the engine bounds how many launch at once), then a run is spawned.
//!
//! [`Machine`] is the clock and the state. Everything that is decided is decided in
//! [`MachineState`], whose methods are in the files of this folder: [`launch`], [`due`],
//! [`ending`], [`change`], [`probed`] and [`request`] change it, [`view`] shows it.
//!
//! Invariant: a new main run is spawned only while no run lives, and a candidate only beside one
//! main run. Every run that was spawned is reported to have exited exactly once.

mod change;
mod due;
mod ending;
mod event;
mod jitter;
mod launch;
mod past;
mod probed;
mod probing;
mod request;
mod run;
mod state;
mod timer;
mod view;

use std::{sync::Arc, time::Instant};

use serde::{Deserialize, Serialize};

use super::{
    clock::{Clock, Moment, Now},
    schedule::Schedule,
};
use crate::domain::{Command, LastActivity, LogCounters, ScheduleMark, WorkerSpec, WorkerView};
use state::{Leaving, MachineState};

pub use event::{Effect, Event, Level, RunKey, SpawnFailure};
pub use request::{AcceptedCommand, Refusal};

/// One worker's life.
#[derive(Debug)]
pub struct Machine {
    clock: Clock,
    state: MachineState,
}

/// A machine as it is handed to the program that follows this one, on the same boot.
///
/// It holds the worker's environment, which may hold secrets: it may be passed through memory, and
/// must be neither shown nor written to a disk. A path that is not UTF-8 cannot be serialized.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedMachine {
    /// How old the machine was when it was saved.
    age: Moment,
    state: MachineState,
}

impl Machine {
    /// The machine of a worker that just appeared. `mark` is how far its schedule had come when
    /// it was last followed. `seed` decides the jitter of its delays.
    pub fn new(
        spec: Arc<WorkerSpec>,
        (schedule, mark): (Option<Schedule>, Option<ScheduleMark>),
        seed: u64,
        now: Now,
    ) -> (Self, Vec<Effect>) {
        let clock = Clock::starting(now);
        let (state, effects) = MachineState::new(spec, (schedule, mark), seed, clock.present(now));
        (Self { clock, state }, effects)
    }

    /// Takes what happened; returns what is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        self.state.handle(event, self.clock.present(now))
    }

    /// From now on the worker should be like this.
    #[must_use]
    pub fn apply(
        &mut self,
        spec: Arc<WorkerSpec>,
        schedule: Option<Schedule>,
        now: Now,
    ) -> Vec<Effect> {
        self.state.apply(spec, schedule, self.clock.present(now))
    }

    /// A person asks for something. `untrusted` is why no run may begin, as far as that is known
    /// now.
    ///
    /// # Errors
    /// Says why it cannot be done. Then nothing has changed.
    pub fn request(
        &mut self,
        command: Command,
        untrusted: Option<String>,
        now: Now,
    ) -> Result<AcceptedCommand, Refusal> {
        self.state.request(command, untrusted, self.clock.present(now))
    }

    /// The worker's file is gone.
    #[must_use]
    pub fn remove(&mut self, now: Now) -> Vec<Effect> {
        self.state.leave(Leaving::Removed, self.clock.present(now))
    }

    /// arcanos ends.
    #[must_use]
    pub fn shut_down(&mut self, now: Now) -> Vec<Effect> {
        self.state.leave(Leaving::Shutdown, self.clock.present(now))
    }

    /// When [`Event::Deadline`] is due next. Earlier or more often does no harm.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.state.timers.next().and_then(|moment| self.clock.instant(moment))
    }

    /// What its next run will be launched with.
    #[must_use]
    pub const fn spec(&self) -> &Arc<WorkerSpec> {
        &self.state.spec
    }

    /// A number that grows with every accepted command that changes what the worker does.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.state.epoch
    }

    /// How far its schedule has come; to be kept for the next arcanos.
    #[must_use]
    pub const fn schedule_mark(&self) -> Option<&ScheduleMark> {
        self.state.mark.as_ref()
    }

    /// The worker now, with what is counted and heard outside.
    #[must_use]
    pub fn view(&self, log: Arc<LogCounters>, activity: Option<LastActivity>) -> WorkerView {
        self.state.view(self.clock, log, activity)
    }

    /// What the program that follows this one needs, to go on with the worker.
    #[must_use]
    #[cfg_attr(not(test), expect(dead_code, reason = "the upgrade in place will call it"))]
    pub fn save(&self, now: Now) -> SavedMachine {
        SavedMachine { age: self.clock.present(now).moment, state: self.state.clone() }
    }

    /// Goes on where a saved machine stopped. `schedule` is that of the saved machine's spec.
    ///
    /// A run that was being spawned when the machine was saved must be reported by an event, as
    /// [`Event::Spawned`] or [`Event::SpawnFailed`].
    #[cfg_attr(not(test), expect(dead_code, reason = "the upgrade in place will call it"))]
    pub fn restore(
        saved: SavedMachine,
        schedule: Option<Schedule>,
        now: Now,
    ) -> (Self, Vec<Effect>) {
        let SavedMachine { age, mut state } = saved;
        let effects = state.resume(schedule);
        (Self { clock: Clock::resuming(age, now), state }, effects)
    }
}

#[cfg(test)]
mod tests;
