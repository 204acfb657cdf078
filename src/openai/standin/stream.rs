//! Server-Sent Events of the two streaming routes.
//!
//! The events are made before the first is sent, since an answer is short; they go out one frame
//! each, so that a client reads them as it would read a model's.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use serde_json::Value;

/// The end of a chat's stream.
const DONE: &str = "data: [DONE]\n\n";

/// Chunks of a chat: data without a name, closed by `[DONE]`.
pub(super) fn of_chunks(chunks: Vec<Value>) -> Response {
    let frames =
        chunks.into_iter().map(|chunk| format!("data: {chunk}\n\n")).chain([DONE.to_owned()]);
    response(frames.collect())
}

/// Events of a response: each named by its `type`.
pub(super) fn of_events(events: Vec<Value>) -> Response {
    let frames = events.into_iter().map(|event| {
        let name = event.get("type").and_then(Value::as_str).unwrap_or("message");
        format!("event: {name}\ndata: {event}\n\n")
    });
    response(frames.collect())
}

fn response(frames: Vec<String>) -> Response {
    let frames = stream::iter(frames).map(|frame| Ok::<_, Infallible>(Bytes::from(frame)));
    let content_type = HeaderValue::from_static("text/event-stream; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], Body::from_stream(frames)).into_response()
}
