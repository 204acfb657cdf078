//! One worker's life, without I/O.
//!
//! [`Machine`] is told what happened and answers with what is to be done; time and chance are
//! arguments. It never spawns, signals, waits or reads a clock: the engine does, and tells it.

mod change_throttle;
mod diagnosis;
mod machine;
mod restart_counter;
mod schedule;

use std::time::Instant;

use crate::domain::Stamp;

pub use diagnosis::{diagnose, telling};
pub use machine::{Effect, Event, Level, Machine, Outcome, Refusal, RunKey, Wish};
pub use restart_counter::{Attempt, RestartCounter};
pub use schedule::{Schedule, ScheduleError, Tick};

/// The present, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For delays and deadlines.
    pub instant: Instant,
    /// For schedules and for showing.
    pub wall: Stamp,
}

impl Now {
    /// The present moment.
    #[must_use]
    pub fn read() -> Self {
        Self { instant: Instant::now(), wall: Stamp::now() }
    }
}
