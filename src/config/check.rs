//! Semantic checks of a config: values must fit each other and the machine.

mod checker;
mod listen;
mod liveness;
mod model;
mod paths;
mod patterns;
mod policies;
mod rules;
mod schedule;
mod secrets;
mod sections;
mod workers;

pub(super) use checker::Checker;
pub use paths::program_from;
