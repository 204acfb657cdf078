//! Routes that command: start, stop, restart and run a worker, and reload.
//!
//! A command that the engine has accepted is carried out once, whether its client waits for the
//! response or not.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse, Response},
};

use crate::domain::Command;

use super::{
    api_error::ApiError,
    app::App,
    query::Query,
    read,
    wire::{Done, Reloaded},
};

/// Answers `POST /workers/restart/ID`.
pub(super) async fn restart(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<Done>, ApiError> {
    ask(&app, &name, &uri, Command::Restart).await
}

/// Answers `POST /workers/start/ID`.
pub(super) async fn start(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<Done>, ApiError> {
    ask(&app, &name, &uri, Command::Start).await
}

/// Answers `POST /workers/stop/ID`.
pub(super) async fn stop(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<Done>, ApiError> {
    ask(&app, &name, &uri, Command::Stop).await
}

/// Answers `POST /workers/run/ID`.
pub(super) async fn run(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Done>, ApiError> {
    // An unknown worker is reported before a bad body.
    read::find(&app, &name)?;
    ask(&app, &name, &uri, Command::Run(input(&body)?)).await
}

/// Answers `POST /workers/restart-all`.
pub(super) async fn restart_all(State(app): State<Arc<App>>) -> Result<Json<Done>, ApiError> {
    app.handle.restart_all().await?;
    Ok(Json(Done::new("All workers restart initiated".to_owned(), None)))
}

/// Answers `POST /reload`.
pub(super) async fn reload(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    Ok(Json(Reloaded::of(app.handle.reload().await?)?).into_response())
}

async fn ask(app: &App, name: &str, uri: &Uri, command: Command) -> Result<Json<Done>, ApiError> {
    let must_wait = Query::of(uri)?.asks("wait")?;
    let ticket = app.handle.command(name, command.clone()).await?;
    if must_wait {
        tokio::select! {
            // Cancel-safe: the engine carries the command out; this only watches it.
            settled = ticket.settled(&command) => settled?,
            // Cancel-safe: a cancelled token stays cancelled.
            () = app.ending.cancelled() => return Err(ApiError::stopping()),
        }
    }
    let word = match command {
        Command::Start => "start",
        Command::Stop => "stop",
        Command::Restart => "restart",
        Command::Run(_) => "run",
    };
    let message = format!("Worker {name} {word} initiated");
    Ok(Json(Done::new(message, Some(app.handle.generation()))))
}

/// The JSON text of a body on one line; `None` for an empty body.
fn input(body: &[u8]) -> Result<Option<String>, ApiError> {
    let body = body.trim_ascii();
    if body.is_empty() {
        return Ok(None);
    }
    let bad = |error: String| ApiError::bad_request(format!("the body is not JSON: {error}"));
    let text = std::str::from_utf8(body).map_err(|error| bad(error.to_string()))?;
    serde_json::from_str::<serde_json::Value>(text).map_err(|error| bad(error.to_string()))?;
    // The channel takes one value a line. JSON strings hold line ends only as escapes, so those in
    // the text stand between tokens. The rest of the text stays as it is: parsing and writing it
    // again would lose digits of numbers and the order of keys.
    Ok(Some(text.replace(['\n', '\r'], " ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_keeps_its_text_but_for_line_ends() {
        for (body, expect) in [
            ("", None),
            (" \r\n", None),
            ("null", Some("null")),
            (
                "{\"z\":1,\r\n \"a\":12345678901234567890123}\n",
                Some("{\"z\":1,   \"a\":12345678901234567890123}"),
            ),
            ("\"K\u{f6}ln\\n\"", Some("\"K\u{f6}ln\\n\"")),
        ] {
            let read = input(body.as_bytes()).expect("good JSON");
            assert_eq!(read.as_deref(), expect, "{body}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let deep = "[".repeat(10_000);
        for body in ["{", "not json", "{} {}", "\"a\nb\"", &deep] {
            assert!(input(body.as_bytes()).is_err(), "{body}");
        }
        assert!(input(b"\"\xff\"").is_err());
    }
}
