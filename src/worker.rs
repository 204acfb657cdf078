//! One worker's life as a state machine without I/O.
//!
//! [`Machine`] takes what happened and returns what is to be done; the time and the seed of its
//! random numbers are arguments. It never spawns, signals, waits or reads a clock: the engine
//! does that and reports to it.

mod change_throttle;
mod clock;
mod diagnosis;
mod machine;
mod restart_delay;
mod schedule;

pub use clock::Now;
pub use diagnosis::{Facts, Questions, Report, VariableState, most_relevant, uncoloured};
pub use machine::{Effect, Event, Level, Machine, Refusal, RunKey, SpawnFailure};
pub use schedule::Schedule;
