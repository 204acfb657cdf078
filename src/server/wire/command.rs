//! Responses to commands, and a plan.

use serde::Serialize;

use crate::{
    domain::{Generation, PlanSummary, ReloadReport, ReloadResult, Stamp},
    server::api_error::ApiError,
};

/// The response to a command that was accepted.
#[derive(Serialize)]
pub(in crate::server) struct Done {
    success: bool,
    message: String,
    timestamp: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<Generation>,
}

impl Done {
    /// The command was accepted.
    pub(in crate::server) fn new(message: String, generation: Option<Generation>) -> Self {
        Self { success: true, message, timestamp: Stamp::now(), generation }
    }
}

/// `POST /reload`, applied, and `GET /plan`.
#[derive(Serialize)]
pub(in crate::server) struct Reloaded {
    success: bool,
    generation: Generation,
    plan: PlanSummary,
    /// Keys whose edit was refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    timestamp: Stamp,
}

impl Reloaded {
    /// What a reload did or would do.
    ///
    /// # Errors
    /// The config is not valid.
    pub(in crate::server) fn of(report: ReloadReport) -> Result<Self, ApiError> {
        let ReloadReport { generation, result, plan, errors, .. } = report;
        match result {
            ReloadResult::Rejected => Err(ApiError::bad_config(errors)),
            ReloadResult::Applied => {
                Ok(Self { success: true, generation, plan, errors, timestamp: Stamp::now() })
            }
        }
    }
}
