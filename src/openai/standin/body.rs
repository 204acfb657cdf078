//! Reads the body of a request.

use axum::body::{self, Body};
use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::http::BodyError;

/// Reads a body that must be a JSON object. The listener bounds its size and time.
pub(super) async fn read(body: Body) -> Result<Map<String, Value>, Refusal> {
    let bytes = body::to_bytes(body, usize::MAX).await.map_err(|error| unread(&error))?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Refusal::NotAnObject),
        Err(error) => Err(Refusal::NotJson(error.to_string())),
    }
}

fn unread(error: &axum::Error) -> Refusal {
    match BodyError::find(error) {
        Some(BodyError::TooLarge { limit }) => Refusal::TooLarge { limit: *limit },
        Some(BodyError::TooSlow { within }) => Refusal::TooSlow { seconds: within.as_secs() },
        Some(BodyError::Unreadable(_)) | None => Refusal::Unreadable,
    }
}
