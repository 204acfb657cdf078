//! Server-Sent Events: how they are framed, and what every stream of them has in common.
//!
//! A stream is pulled: nothing is read for a client that does not take what it got before. What
//! waits for it waits in the bounded channel it comes from, and a client that fell behind there is
//! told so. It ends with the server, so that it never keeps it from ending.

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

/// The type of a stream.
pub(super) const CONTENT_TYPE: &str = "text/event-stream";

/// How often a silent stream says that it is there: below the 30 s and 60 s after which proxies
/// commonly give a silent connection up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// When a client that lost its stream should come back.
const RETRY: Duration = Duration::from_secs(2);

/// An answer that goes on until the client goes, or the server ends.
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
