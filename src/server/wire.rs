//! The shapes of answers, apart from the types inside: what stands here is what clients rely on.

mod health;
mod line;
mod status;
mod worker;

use std::time::Duration;

use serde::Serialize;

use crate::domain::{Generation, PlanSummary, Stamp};

pub(super) use health::{Health, Own};
pub(super) use line::{Line, Lines};
pub(super) use status::Status;
pub(super) use worker::{Worker, Workers};

/// The answer to a request that was taken.
#[derive(Serialize)]
pub(super) struct Done {
    success: bool,
    message: String,
    timestamp: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<Generation>,
}

impl Done {
    /// It was taken.
    pub(super) fn new(message: String, generation: Option<Generation>) -> Self {
        Self { success: true, message, timestamp: Stamp::now(), generation }
    }
}

/// `POST /reload`, applied.
#[derive(Serialize)]
pub(super) struct Reloaded<'a> {
    pub(super) success: bool,
    pub(super) generation: Generation,
    pub(super) plan: &'a PlanSummary,
    /// Keys whose edit was refused.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) errors: &'a [String],
    pub(super) timestamp: Stamp,
}

/// A span in seconds, with milliseconds.
fn seconds(span: Duration) -> f64 {
    span.as_millis() as f64 / 1000.0
}
