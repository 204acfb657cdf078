//! What the stand-in says to a request that it cannot answer, in the shape of OpenAI's errors.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

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
    #[error("the body did not arrive within {seconds} s")]
    TooSlow { seconds: u64 },
    #[error("the body could not be read")]
    Unreadable,
    #[error("the stand-in is served to loopback clients only: `Host` must be a loopback name")]
    ForeignHost,
    #[error("unknown request URL: {method} {path}")]
    UnknownRoute { method: String, path: String },
    #[error("not allowed to {method} on {path}")]
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
            Self::UnknownRoute { .. } => StatusCode::NOT_FOUND,
            Self::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// The stable word for programs.
    const fn code(&self) -> Option<&'static str> {
        match self {
            Self::NotJson(_) | Self::NotAnObject | Self::Unreadable => None,
            Self::Missing(_) => Some("missing_required_parameter"),
            Self::Invalid { .. } => Some("invalid_value"),
            Self::TooLarge { .. } => Some("request_too_large"),
            Self::TooSlow { .. } => Some("request_timeout"),
            Self::ForeignHost => Some("host_not_allowed"),
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

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status(), Json(self.body())).into_response()
    }
}
