//! Error responses: each with a status, a stable code for programs, and words for people.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{
    domain::Stamp,
    engine::{CommandError, PreviewError, WorkerFailed},
    http::{BodyError, HeaderError},
};

use super::query::QueryError;

/// Characters of a client's text that are repeated to it.
const MAX_QUOTED: usize = 100;

/// An error response.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    /// For programs; never changes.
    code: &'static str,
    /// For people, short: which kind of error.
    title: Cow<'static, str>,
    /// For people: why, and what to do.
    message: String,
    /// Each thing that is wrong, where there may be several.
    errors: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Wire<'a> {
    success: bool,
    error: &'a str,
    code: &'static str,
    message: &'a str,
    timestamp: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a [String]>,
}

impl ApiError {
    fn new(
        status: StatusCode,
        code: &'static str,
        title: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self { status, code, title: title.into(), message: message.into(), errors: None }
    }

    pub(super) fn no_endpoint(path: &str) -> Self {
        let message = format!("there is nothing at `{}`", cut(path));
        Self::new(StatusCode::NOT_FOUND, "not_found", "Endpoint not found", message)
    }

    pub(super) fn no_worker(name: &str) -> Self {
        let name = cut(name);
        let message = format!("there is no worker `{name}`");
        let title = format!("Worker {name} not found");
        Self::new(StatusCode::NOT_FOUND, "worker_not_found", title, message)
    }

    pub(super) fn wrong_method(method: &str, path: &str) -> Self {
        let message = format!(
            "`{}` does not take {}; the Allow header says what it takes",
            cut(path),
            cut(method)
        );
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(status, "method_not_allowed", "Method not allowed", message)
    }

    pub(super) fn bad_request(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "Bad request", message)
    }

    pub(super) fn forbidden_host(host: &str) -> Self {
        let message = format!(
            "the host `{}` is neither loopback nor the listen address; add it to \
             `server.allowed_hosts` if it is yours",
            cut(host)
        );
        Self::new(StatusCode::FORBIDDEN, "forbidden_host", "Host not allowed", message)
    }

    pub(super) fn forbidden_origin(origin: &str) -> Self {
        let message = format!("pages of another site (`{}`) may not send requests", cut(origin));
        Self::new(StatusCode::FORBIDDEN, "forbidden_origin", "Origin not allowed", message)
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized", message)
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("a body may have at most {limit} bytes");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Self::new(status, "payload_too_large", "Payload too large", message)
    }

    pub(super) fn too_slow(message: String) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "Request timeout", message)
    }

    pub(super) fn full() -> Self {
        let message = "all `server.max_connections` connections are in use; try again soon";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "too_many_connections", "Too many connections", message)
    }

    pub(super) fn busy() -> Self {
        let message = "answers with many log lines wait for their readers; ask for fewer `lines`, \
                       or try again soon";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "too_many_answers", "Too many answers", message)
    }

    pub(super) fn stopping() -> Self {
        let message = CommandError::Stopping.to_string();
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "shutting_down", "Shutting down", message)
    }

    pub(super) fn internal(message: &str) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "internal_error", "Internal error", message)
    }

    /// What was asked of workers did not come about with these; there is at least one.
    pub(super) fn workers_failed(failures: &[WorkerFailed]) -> Self {
        let title = match failures {
            [only] => format!("Worker {} failed", only.worker),
            several => format!("{} workers failed", several.len()),
        };
        let texts: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "worker_failed", title, texts.join("; "))
    }

    pub(super) fn bad_config(errors: Vec<String>) -> Self {
        let message = match errors.as_slice() {
            [only] => only.clone(),
            [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
            [] => "the config is not valid".to_owned(),
        };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let api_error = Self::new(status, "invalid_config", "Config rejected", message);
        Self { errors: Some(errors), ..api_error }
    }

    /// The response, with the headers that belong to this error.
    pub(super) fn response(&self) -> Response<Vec<u8>> {
        let mut response = Response::new(self.body());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self.status {
            StatusCode::UNAUTHORIZED => {
                let scheme = HeaderValue::from_static("Bearer realm=\"arcanos\"");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            // The rest of the request is not read, so the connection cannot be used again.
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }

    /// The body, as JSON text.
    pub(super) fn body(&self) -> Vec<u8> {
        let wire = Wire {
            success: false,
            error: &self.title,
            code: self.code,
            message: &self.message,
            timestamp: Stamp::now(),
            errors: self.errors.as_deref(),
        };
        serde_json::to_vec(&wire).expect("strings and a stamp are JSON")
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        let message = error.to_string();
        let conflict = |code, title| Self::new(StatusCode::CONFLICT, code, title, message);
        match error {
            CommandError::Unknown(name) => Self::no_worker(&name),
            CommandError::Disabled(_) => conflict("disabled", "Worker is disabled"),
            CommandError::Untrusted { .. } => conflict("barred", "Worker may not be started"),
            CommandError::AlreadyRunning(_) => {
                conflict("already_running", "Worker is already running")
            }
            CommandError::NotRunning(_) => conflict("not_running", "Worker is not running"),
            CommandError::NotReading(_) => conflict("worker_not_reading", "Worker does not read"),
            CommandError::Stopping => Self::stopping(),
        }
    }
}

impl From<PreviewError> for ApiError {
    fn from(error: PreviewError) -> Self {
        match &error {
            PreviewError::NoDraft(_) => {
                Self::new(StatusCode::NOT_FOUND, "no_draft", "Draft not found", error.to_string())
            }
            PreviewError::Stopping => Self::stopping(),
        }
    }
}

impl From<HeaderError> for ApiError {
    fn from(error: HeaderError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => Self::too_large(limit),
            BodyError::TooSlow { .. } => Self::too_slow(error.to_string()),
            BodyError::Unreadable(ref cause) => Self::bad_request(format!("{error}: {cause}")),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.response().map(Body::from)
    }
}

fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests;
