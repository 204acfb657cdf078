//! `GET /events`: what happens, as it happens.

use std::{collections::VecDeque, sync::Arc};

use axum::{
    extract::State,
    http::HeaderMap,
    response::{Response, sse::Event},
};
use futures_util::{Stream, stream::unfold};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::domain::Occurrence;

use super::{app::App, stream::stream};

/// Stands for what is no number of ours: later than all there is, and so unknown to the board.
const UNKNOWN: u64 = u64::MAX - 1;

/// Answers `GET /events`.
pub(super) async fn events(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
    let after = last.map(|last| last.trim().parse().unwrap_or(UNKNOWN).min(UNKNOWN));
    let (past, live) = app.handle.occurrences(after);
    stream(&app, tell(past, live))
}

/// What waits to be told to one client.
struct Teller {
    missed: VecDeque<Arc<Occurrence>>,
    must_resync: bool,
    live: Receiver<Arc<Occurrence>>,
}

fn tell(
    past: Option<Vec<Arc<Occurrence>>>,
    live: Receiver<Arc<Occurrence>>,
) -> impl Stream<Item = Event> + Send + 'static {
    let must_resync = past.is_none();
    let missed = past.unwrap_or_default().into();
    unfold(Teller { missed, must_resync, live }, |mut teller| async {
        let event = teller.next().await?;
        Some((event, teller))
    })
}

impl Teller {
    async fn next(&mut self) -> Option<Event> {
        if self.must_resync {
            self.must_resync = false;
            return Some(resync());
        }
        if let Some(occurrence) = self.missed.pop_front() {
            return Some(event(&occurrence));
        }
        match self.live.recv().await {
            Ok(occurrence) => Some(event(&occurrence)),
            Err(RecvError::Lagged(_)) => Some(resync()),
            Err(RecvError::Closed) => None,
        }
    }
}

fn event(occurrence: &Occurrence) -> Event {
    let data = serde_json::to_string(occurrence).expect("an occurrence is JSON");
    Event::default().id(occurrence.id.to_string()).data(data)
}

/// Says that something was missed: who keeps a picture of its own should fetch it anew.
fn resync() -> Event {
    Event::default().event("resync").data("{}")
}
