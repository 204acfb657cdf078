//! `GET /workers/logs/ID`: the last lines of a worker's log, or those and all that follow.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse, Response, sse::Event},
};
use futures_util::{Stream as Events, StreamExt, stream};

use crate::{
    domain::Stamp,
    files::logs::{FollowItem, Follower, LogLine, Stream, TailQuery},
};

use super::{
    api_error::ApiError,
    app::App,
    query::{Query, QueryError},
    read, stream as sse,
    wire::{Line, Lines},
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
    let logs = app.handle.logs();
    if must_follow {
        let (lines, follower) = logs.tail_and_follow(worker.as_ref(), &query).await;
        return Ok(sse::stream(&app, events(lines, follower, format)));
    }
    let lines = logs.tail(worker.as_ref(), &query).await;
    let (worker_id, timestamp) = (name.as_str(), Stamp::now());
    Ok(match format {
        LineFormat::Text => {
            let logs = lines.iter().map(LogLine::to_string).collect();
            Json(Lines { worker_id, logs, timestamp }).into_response()
        }
        LineFormat::Json => {
            let logs = lines.iter().map(Line::new).collect();
            Json(Lines { worker_id, logs, timestamp }).into_response()
        }
    })
}

/// The last lines, then all that follow, until the worker is gone.
fn events(
    lines: Vec<LogLine>,
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
    stream::iter(lines).map(move |line| event(&line, format)).chain(live)
}

fn event(line: &LogLine, format: LineFormat) -> Event {
    let data = match format {
        LineFormat::Text => line.to_string(),
        LineFormat::Json => serde_json::to_string(&Line::new(line)).expect("a line is JSON"),
    };
    Event::default().event("line").data(data)
}

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineFormat {
    /// As the session log has it.
    Text,
    /// With its stream and run.
    Json,
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
