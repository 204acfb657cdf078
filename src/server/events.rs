//! `GET /events`: what happens, as it happens.

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

/// Stands for what is no number of ours: later than all there is, and so unknown to the board.
const UNKNOWN: u64 = u64::MAX - 1;

/// Answers `GET /events`.
pub(super) async fn events(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
    let after = last.map(|last| last.trim().parse().unwrap_or(UNKNOWN).min(UNKNOWN));
    let (past, live) = app.handle.events(after);
    stream(&app, tell(past, live))
}

/// What waits to be told to one client.
struct Teller {
    missed: VecDeque<Arc<Event>>,
    must_resync: bool,
    live: Receiver<Arc<Event>>,
}

fn tell(
    past: Option<Vec<Arc<Event>>>,
    live: Receiver<Arc<Event>>,
) -> impl Stream<Item = sse::Event> + Send + 'static {
    let must_resync = past.is_none();
    let missed = past.unwrap_or_default().into();
    unfold(Teller { missed, must_resync, live }, |mut teller| async {
        let event = teller.next().await?;
        Some((event, teller))
    })
}

impl Teller {
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

/// Says that something was missed: who keeps a snapshot of its own should fetch it anew.
fn resync() -> sse::Event {
    sse::Event::default().event("resync").data("{}")
}
