//! `GET /workers/logs/ID`: the last lines of a worker's log, or those and all that follow.
//!
//! Answers are made as they are read: one that nobody reads holds chunks of the history and a block
//! of text. What all of them hold together is bounded by the [`LogRoom`](super::log_room::LogRoom).

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{Uri, header},
    response::{IntoResponse, Response, sse::Event},
};
use futures_util::{Stream as Events, StreamExt, stream};

use crate::{
    domain::{Stamp, WorkerId},
    files::logs::{FollowItem, Follower, LogLine, Stream, Tail, TailQuery},
};

use super::{
    api_error::ApiError,
    app::App,
    line_blocks::{LineBlocks, LineFormat},
    log_room::Room,
    query::{Query, QueryError},
    read, stream as sse,
    wire::Line,
};

/// Lines that are shown if the request names no number.
const DEFAULT_LINES: usize = 50;

/// Lines that may be asked for.
const MAX_LINES: usize = 5000;

/// The id that stands for all workers and arcanos itself.
const ALL: &str = "arcanos";

/// The name under which the Node system showed what it did with its workers.
const LIFECYCLE: &str = "WorkerManager";

/// Answers `GET /workers/logs/ID`.
pub(super) async fn logs(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let worker = match name.as_str() {
        ALL | LIFECYCLE => None,
        _ => Some(read::find(&app, &name)?.id.clone()),
    };
    let Asked { mut query, must_follow, format } = Asked::read(&Query::of(&uri)?)?;
    if name == LIFECYCLE {
        query.stream.get_or_insert(Stream::Lifecycle);
    }
    let wanted = Wanted { worker, query, must_follow };
    let (tail, follower, room) = wanted.find(&app).await?;
    if let Some(follower) = follower {
        return Ok(sse::stream(&app, events((tail, room), follower, format)));
    }
    let json = [(header::CONTENT_TYPE, "application/json")];
    let mut blocks = LineBlocks::new(&name, tail, format);
    let first = blocks.next();
    if blocks.is_done() {
        return Ok((json, first.unwrap_or_default()).into_response());
    }
    let rest = stream::unfold((blocks, room), |(mut blocks, room)| async {
        // A client that reads fast would otherwise hold a thread until it has all.
        tokio::task::consume_budget().await;
        let block = blocks.next()?;
        Some((block, (blocks, room)))
    });
    let body = stream::iter(first).chain(rest).map(Ok::<_, Infallible>);
    Ok((json, Body::from_stream(body)).into_response())
}

/// The lines that a request is about.
struct Wanted {
    worker: Option<WorkerId>,
    query: TailQuery,
    must_follow: bool,
}

impl Wanted {
    /// The lines, once there is room for them.
    async fn find(&self, app: &App) -> Result<(Tail, Option<Follower>, Room), ApiError> {
        let (tail, follower) = self.look(app).await;
        let cost = tail.cost();
        if let Some(room) = app.log_room.try_take(cost) {
            return Ok((tail, follower, room));
        }
        // Who waits holds nothing.
        drop((tail, follower));
        let room = app.log_room.take(cost).await.ok_or_else(ApiError::busy)?;
        let (tail, follower) = self.look(app).await;
        Ok((tail, follower, room))
    }

    async fn look(&self, app: &App) -> (Tail, Option<Follower>) {
        let (logs, id) = (app.handle.logs(), self.worker.as_ref());
        if self.must_follow {
            let (tail, follower) = logs.tail_and_follow(id, &self.query).await;
            return (tail, Some(follower));
        }
        (logs.lazy_tail(id, &self.query).await, None)
    }
}

/// The last lines, then all that follow, until the worker is gone.
fn events(
    (tail, room): (Tail, Room),
    follower: Follower,
    format: LineFormat,
) -> impl Events<Item = Event> + Send + 'static {
    let live = stream::unfold(follower, move |mut follower| async move {
        // Lines that are in memory are there without waiting, and a flood of them would hold a
        // thread for as long as the client takes them: this lets other tasks run.
        tokio::task::consume_budget().await;
        let item = follower.next().await?;
        let event = match item {
            FollowItem::Line(line) => event(&line, format),
            // They came faster than this client took them.
            FollowItem::Lagged(n) => Event::default().event("lagged").data(n.to_string()),
        };
        Some((event, follower))
    });
    let past = stream::unfold((tail, room), move |(mut tail, room)| async move {
        let line = tail.next()?;
        Some((event(&line, format), (tail, room)))
    });
    past.chain(live)
}

fn event(line: &LogLine, format: LineFormat) -> Event {
    let data = match format {
        LineFormat::Text => line.to_string(),
        LineFormat::Json => serde_json::to_string(&Line::new(line)).expect("a line is JSON"),
    };
    Event::default().event("line").data(data)
}

/// What a request asks for.
#[derive(Debug)]
struct Asked {
    query: TailQuery,
    must_follow: bool,
    format: LineFormat,
}

impl Asked {
    fn read(query: &Query) -> Result<Self, QueryError> {
        let value = |name| query.value(name);
        let wrong = |name, value: &str, expected| {
            let value = value.to_owned();
            QueryError::Value { name, value, expected }
        };
        let lines = match value("lines")? {
            None => DEFAULT_LINES,
            Some(text) => text
                .parse()
                .ok()
                .filter(|lines| (1..=MAX_LINES).contains(lines))
                .ok_or_else(|| wrong("lines", text, "a number from 1 to 5000"))?,
        };
        let stream = value("stream")?.map(|text| {
            let expected = "`stdout`, `stderr`, `activity` or `lifecycle`";
            text.parse().map_err(|_| wrong("stream", text, expected))
        });
        let since = value("since")?.map(|text| {
            let expected = "a time as `2026-11-23T17:00:00Z`";
            text.parse().map(Stamp).map_err(|_| wrong("since", text, expected))
        });
        let (stream, since) = (stream.transpose()?, since.transpose()?);
        let must_follow = query.asks("follow")?;
        let format = match value("format")? {
            None | Some("text") => LineFormat::Text,
            Some("json") => LineFormat::Json,
            Some(text) => return Err(wrong("format", text, "`text` or `json`")),
        };
        Ok(Self { query: TailQuery { lines, stream, since }, must_follow, format })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Asked, QueryError> {
        Asked::read(&Query::of(&format!("/?{query}").parse().expect("a URI"))?)
    }

    #[test]
    fn fifty_lines_are_shown_by_default() {
        let asked = read("").expect("good");
        assert_eq!((asked.query.lines, asked.query.stream, asked.must_follow), (50, None, false));
    }

    #[test]
    fn parameters_are_read() {
        let asked = read("lines=5000&stream=stderr&follow=1&since=2026-11-23T17:00:00Z");
        let asked = asked.expect("good");
        assert_eq!(asked.query.lines, 5000);
        assert_eq!(asked.query.stream, Some(Stream::Stderr));
        assert_eq!(asked.query.since.expect("a time").to_string(), "2026-11-23T17:00:00.000Z");
        assert!(asked.must_follow);
    }

    #[test]
    fn bad_parameters_are_refused_with_what_is_expected() {
        for (query, expected) in [
            ("lines=0", "a number from 1 to 5000"),
            ("lines=5001", "a number from 1 to 5000"),
            ("lines=many", "a number from 1 to 5000"),
            ("stream=stdin", "`stdout`"),
            ("since=yesterday", "a time"),
            ("follow=perhaps", "1 or 0"),
            ("format=xml", "`text` or `json`"),
        ] {
            let error = read(query).expect_err(query).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
