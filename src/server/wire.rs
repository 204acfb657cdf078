//! The JSON of responses, apart from the types inside: clients rely on these shapes.

mod command;
mod health;
mod line;
mod seconds;
mod status;
mod worker;

pub(super) use command::{Done, Reloaded};
pub(super) use health::{Health, Own};
pub(super) use line::Line;
pub(super) use status::Status;
pub(super) use worker::{Worker, Workers};
