//! `GET /workers/logs/ID`: the last lines of a worker, or all that come.

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

/// Lines that are shown without a wish.
const LINES: usize = 50;

/// Lines that may be asked for.
const MAX_LINES: usize = 5000;

/// The name that stands for all workers and arcanos itself.
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
    let Asked { mut query, must_follow, form } = Asked::read(&Query::of(&uri)?)?;
    if name == LIFECYCLE {
        query.stream.get_or_insert(Stream::Lifecycle);
    }
    let logs = app.handle.logs();
    if must_follow {
        let (lines, follower) = logs.tail_and_follow(worker.as_ref(), &query).await;
        return Ok(sse::stream(&app, events(lines, follower, form)));
    }
    let lines = logs.tail(worker.as_ref(), &query).await;
    let (worker_id, timestamp) = (name.as_str(), Stamp::now());
    Ok(match form {
        Form::Text => {
            let logs = lines.iter().map(LogLine::to_string).collect();
            Json(Lines { worker_id, logs, timestamp }).into_response()
        }
        Form::Json => {
            let logs = lines.iter().map(Line::new).collect();
            Json(Lines { worker_id, logs, timestamp }).into_response()
        }
    })
}

/// The last lines, then all that come, until the worker is gone.
fn events(
    lines: Vec<LogLine>,
    follower: Follower,
    form: Form,
) -> impl Events<Item = Event> + Send + 'static {
    let live = stream::unfold(follower, move |mut follower| async move {
        // Lines that are in memory cost no wait, and a flood of them would hold a thread for as
        // long as the client takes them: the others get their turn.
        tokio::task::consume_budget().await;
        let item = follower.next().await?;
        let event = match item {
            FollowItem::Line(line) => event(&line, form),
            // They came faster than this client took them.
            FollowItem::Lagged(n) => Event::default().event("lagged").data(n.to_string()),
        };
        Some((event, follower))
    });
    stream::iter(lines).map(move |line| event(&line, form)).chain(live)
}

fn event(line: &LogLine, form: Form) -> Event {
    let data = match form {
        Form::Text => line.to_string(),
        Form::Json => serde_json::to_string(&Line::new(line)).expect("a line is JSON"),
    };
    Event::default().event("line").data(data)
}

/// How a line is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As the session log has it.
    Text,
    /// With its stream and run.
    Json,
}

/// What a client wants to see.
#[derive(Debug)]
struct Asked {
    query: TailQuery,
    must_follow: bool,
    form: Form,
}

impl Asked {
    fn read(query: &Query) -> Result<Self, QueryError> {
        let value = |name| query.value(name);
        let wrong = |name, value: &str, expected| {
            let value = value.to_owned();
            QueryError::Value { name, value, expected }
        };
        let lines = match value("lines")? {
            None => LINES,
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
        let form = match value("format")? {
            None | Some("text") => Form::Text,
            Some("json") => Form::Json,
            Some(text) => return Err(wrong("format", text, "`text` or `json`")),
        };
        Ok(Self { query: TailQuery { lines, stream, since }, must_follow, form })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Asked, QueryError> {
        Asked::read(&Query::of(&format!("/?{query}").parse().expect("a URI"))?)
    }

    #[test]
    fn without_a_wish_the_last_fifty_lines_are_meant() {
        let asked = read("").expect("good");
        assert_eq!((asked.query.lines, asked.query.stream, asked.must_follow), (50, None, false));
    }

    #[test]
    fn wishes_are_read() {
        let asked = read("lines=5000&stream=stderr&follow=1&since=2026-11-23T17:00:00Z");
        let asked = asked.expect("good");
        assert_eq!(asked.query.lines, 5000);
        assert_eq!(asked.query.stream, Some(Stream::Stderr));
        assert_eq!(asked.query.since.expect("a time").to_string(), "2026-11-23T17:00:00.000Z");
        assert!(asked.must_follow);
    }

    #[test]
    fn wishes_out_of_range_are_refused_with_what_is_good() {
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
