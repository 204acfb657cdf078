//! Error responses of the stand-in, in the shape of OpenAI's errors.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// The header by which the SDKs name a request (`_request_id`).
const REQUEST_ID: &str = "x-request-id";

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the body is not valid JSON: {0}")]
    NotJson(String),
    #[error("the body must be a JSON object")]
    NotAnObject,
    #[error("missing required parameter: `{0}`")]
    Missing(&'static str),
    #[error("invalid value for `{parameter}`: expected {expected}")]
    Invalid { parameter: &'static str, expected: &'static str },
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the request did not arrive within {seconds} s")]
    TooSlow { seconds: u64 },
    #[error("the body could not be read")]
    Unreadable,
    #[error("the stand-in is served to loopback clients only: `Host` must be a loopback name")]
    ForeignHost,
    #[error("all connections of the stand-in are in use; try again soon")]
    Full,
    #[error("the stand-in has no {method} {path}; set OPENAI_API_KEY")]
    UnknownRoute { method: String, path: String },
    #[error("the stand-in has no {method} on {path}; set OPENAI_API_KEY")]
    WrongMethod { method: String, path: String },
}

impl Refusal {
    /// The status of the answer.
    const fn status(&self) -> StatusCode {
        match self {
            Self::NotJson(_)
            | Self::NotAnObject
            | Self::Missing(_)
            | Self::Invalid { .. }
            | Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::ForeignHost => StatusCode::FORBIDDEN,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::UnknownRoute { .. } => StatusCode::NOT_FOUND,
            Self::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// The stable code for programs.
    const fn code(&self) -> Option<&'static str> {
        match self {
            Self::NotJson(_) | Self::NotAnObject | Self::Unreadable => None,
            Self::Missing(_) => Some("missing_required_parameter"),
            Self::Invalid { .. } => Some("invalid_value"),
            Self::TooLarge { .. } => Some("request_too_large"),
            Self::TooSlow { .. } => Some("request_timeout"),
            Self::ForeignHost => Some("host_not_allowed"),
            Self::Full => Some("too_many_connections"),
            Self::UnknownRoute { .. } => Some("unknown_url"),
            Self::WrongMethod { .. } => Some("method_not_supported"),
        }
    }

    /// The parameter at fault.
    const fn parameter(&self) -> Option<&'static str> {
        match self {
            Self::Missing(parameter) | Self::Invalid { parameter, .. } => Some(parameter),
            Self::NotJson(_)
            | Self::NotAnObject
            | Self::TooLarge { .. }
            | Self::TooSlow { .. }
            | Self::Unreadable
            | Self::ForeignHost
            | Self::Full
            | Self::UnknownRoute { .. }
            | Self::WrongMethod { .. } => None,
        }
    }

    /// The body of the answer.
    fn body(&self) -> Value {
        json!({
            "error": {
                "message": self.to_string(),
                "type": "invalid_request_error",
                "param": self.parameter(),
                "code": self.code(),
            }
        })
    }
}

impl Refusal {
    /// The response, with the headers of every response of the stand-in.
    pub(super) fn response(&self) -> Response<Vec<u8>> {
        let mut response = Response::new(self.body().to_string().into_bytes());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        add_headers(headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self {
            // The rest of the request is not read, so the connection cannot be used again.
            Self::TooLarge { .. } | Self::TooSlow { .. } => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Self::Full => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

/// The number of the next response of any stand-in of this process.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Adds the headers of every response: who responds, its number, and that nobody should keep it.
pub(super) fn add_headers(headers: &mut HeaderMap) {
    if !headers.contains_key(REQUEST_ID) {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        headers.insert(REQUEST_ID, named(number));
    }
    headers.insert("x-arcanos-upstream", HeaderValue::from_static("echo"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// `req_echo_000001`: digits and letters, so always a header's value.
fn named(number: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("req_echo_{number:06}"))
        .unwrap_or_else(|_| HeaderValue::from(number))
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.response().map(Body::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_without_room_is_asked_to_come_back() {
        let response = Refusal::Full.response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()["x-arcanos-upstream"], "echo");
        let body: Value = serde_json::from_slice(response.body()).expect("JSON");
        assert_eq!(body["error"]["code"], "too_many_connections");
    }
}
