//! Server-Sent Events: how each stream of them begins, stays open and ends.
//!
//! A stream is pulled: nothing is read for a client that has not taken what it got before. Its
//! events wait in the bounded channel they come from, and a client that fell behind there gets an
//! event that reports the gap. A stream ends when the server shuts down, so that it never holds the
//! shutdown up.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, StreamExt};

use super::app::App;

/// The content type of a stream.
pub(super) const CONTENT_TYPE: &str = "text/event-stream";

/// How often a silent stream sends a comment: below the 30 s and 60 s after which proxies commonly
/// close a silent connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a client that lost its stream should wait before it opens another.
const RETRY: Duration = Duration::from_secs(2);

/// A response that goes on until the client leaves, its token changes, or the server shuts down.
pub(super) fn stream(
    app: &Arc<App>,
    events: impl Stream<Item = Event> + Send + 'static,
) -> Response {
    let first = futures_util::stream::iter([Event::default().retry(RETRY)]);
    let end = app.end_of_streams().cancelled_owned();
    let events = first.chain(events).take_until(end).map(Ok::<_, Infallible>);
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    let mut response = sse.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    // nginx would otherwise hold events back until its buffer is full.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    headers.extend([(Some(unbuffered.0), unbuffered.1)]);
    response
}
