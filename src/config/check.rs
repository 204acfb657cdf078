//! What a config must be beyond its form: values that fit each other and the world they name.

mod listen;
mod model;
mod paths;
mod patterns;
mod rules;
mod schedule;
mod secrets;
mod sections;
mod workers;

pub(super) use sections::{Scope, config};
