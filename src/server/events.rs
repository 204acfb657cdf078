//! `GET /events`: a stream of what happens, with what the client missed first.

use std::{collections::VecDeque, sync::Arc};

use axum::{
    extract::State,
    http::HeaderMap,
    response::{Response, sse},
};
use futures_util::{Stream, stream::unfold};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::domain::Event;

use super::{app::App, stream::stream};

/// The id that stands for a `Last-Event-ID` that is not one of ours: higher than every id, and so
/// unknown to the board.
const UNKNOWN: u64 = u64::MAX - 1;

/// Answers `GET /events`.
pub(super) async fn events(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
    let after = last.map(|last| last.trim().parse().unwrap_or(UNKNOWN).min(UNKNOWN));
    let (past, live) = app.handle.events(after);
    stream(&app, subscribe(past, live))
}

/// The events that one client has still to get.
struct Subscription {
    missed: VecDeque<Arc<Event>>,
    must_resync: bool,
    live: Receiver<Arc<Event>>,
}

fn subscribe(
    past: Option<Vec<Arc<Event>>>,
    live: Receiver<Arc<Event>>,
) -> impl Stream<Item = sse::Event> + Send + 'static {
    let must_resync = past.is_none();
    let missed = past.unwrap_or_default().into();
    unfold(Subscription { missed, must_resync, live }, |mut subscription| async {
        let event = subscription.next().await?;
        Some((event, subscription))
    })
}

impl Subscription {
    async fn next(&mut self) -> Option<sse::Event> {
        if self.must_resync {
            self.must_resync = false;
            return Some(resync());
        }
        if let Some(happened) = self.missed.pop_front() {
            return Some(event(&happened));
        }
        match self.live.recv().await {
            Ok(happened) => Some(event(&happened)),
            Err(RecvError::Lagged(_)) => Some(resync()),
            Err(RecvError::Closed) => None,
        }
    }
}

fn event(happened: &Event) -> sse::Event {
    let data = serde_json::to_string(happened).expect("an event is JSON");
    sse::Event::default().id(happened.id.to_string()).data(data)
}

/// The event that reports a gap: a client that keeps a snapshot of its own should fetch it again.
fn resync() -> sse::Event {
    sse::Event::default().event("resync").data("{}")
}
