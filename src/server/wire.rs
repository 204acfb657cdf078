//! The shapes of answers, apart from the types inside: what stands here is what clients rely on.

mod health;
mod line;
mod status;
mod worker;

use std::time::Duration;

use serde::Serialize;

use super::api_error::ApiError;
use crate::domain::{Generation, PlanSummary, ReloadReport, ReloadResult, Stamp};

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

/// `POST /reload`, applied, and `GET /plan`.
#[derive(Serialize)]
pub(super) struct Reloaded {
    success: bool,
    generation: Generation,
    plan: PlanSummary,
    /// Keys whose edit was refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    timestamp: Stamp,
}

impl Reloaded {
    /// What a look did or would do; a fault if the config is bad.
    pub(super) fn of(report: ReloadReport) -> Result<Self, ApiError> {
        let ReloadReport { generation, result, plan, errors, .. } = report;
        match result {
            ReloadResult::Rejected => Err(ApiError::bad_config(errors)),
            ReloadResult::Applied => {
                Ok(Self { success: true, generation, plan, errors, timestamp: Stamp::now() })
            }
        }
    }
}

/// A span in seconds, with milliseconds.
fn seconds(span: Duration) -> f64 {
    span.as_millis() as f64 / 1000.0
}
