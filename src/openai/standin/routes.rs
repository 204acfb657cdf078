//! The stand-in's routes, and what holds for each of them: the label, the `Host` check, the limits.

use std::{net::IpAddr, time::Duration};

use axum::{
    Router,
    body::{self, Body},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, Uri, header, uri::Authority},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http_body_util::LengthLimitError;
use serde_json::{Map, Value};
use tokio::time;

use super::{chat, embeddings, models, refusal::Refusal, responses};

/// Bytes of a request's body. The SDKs' longest ordinary prompts stay far below.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// All routes of the stand-in.
pub(super) fn router() -> Router {
    Router::new()
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::retrieve))
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/responses", post(responses::respond))
        .route("/v1/embeddings", post(embeddings::embed))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(guard))
}

/// Reads a body that must be a JSON object.
pub(super) async fn read(body: Body) -> Result<Map<String, Value>, Refusal> {
    let bytes = time::timeout(BODY_TIMEOUT, body::to_bytes(body, BODY_LIMIT))
        .await
        .map_err(|_| Refusal::TooSlow { seconds: BODY_TIMEOUT.as_secs() })?
        .map_err(|error| unread(&error))?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Refusal::NotAnObject),
        Err(error) => Err(Refusal::NotJson(error.to_string())),
    }
}

/// Tells a body that is too large from one that broke off.
fn unread(error: &axum::Error) -> Refusal {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Refusal::TooLarge { limit: BODY_LIMIT };
        }
        cause = error.source();
    }
    Refusal::Unreadable
}

/// Refuses clients that were led here by another name, and labels every answer.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = if is_loopback(request.headers(), request.uri()) {
        next.run(request).await
    } else {
        Refusal::ForeignHost.into_response()
    };
    let headers = response.headers_mut();
    headers.insert("x-arcanos-upstream", HeaderValue::from_static("echo"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether the request was made to a loopback name: a page of another site that has its own name
/// point at 127.0.0.1 (DNS rebinding) still sends that name.
fn is_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
    let named = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(|host| host.parse::<Authority>().ok());
    let Some(authority) = named.as_ref().or_else(|| uri.authority()) else {
        return false;
    };
    let host = authority.host().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

async fn unknown_route(method: Method, uri: Uri) -> Refusal {
    Refusal::UnknownRoute { method: method.to_string(), path: uri.path().to_owned() }
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    Refusal::WrongMethod { method: method.to_string(), path: uri.path().to_owned() }
}
