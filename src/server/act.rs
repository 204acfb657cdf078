//! Routes that command: start, stop, restart, run and signal workers, and reload.
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

use crate::{
    domain::{Command, signal_name, signal_named},
    engine::Ticket,
};

use super::{
    api_error::ApiError,
    app::App,
    query::{Query, QueryError},
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

/// Answers `POST /workers/signal/ID?signal=SIGNAL`.
pub(super) async fn signal(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<Done>, ApiError> {
    read::find(&app, &name)?;
    let expected = "a signal as `SIGUSR2`";
    let query = Query::of(&uri)?;
    let missing = || ApiError::bad_request(format!("`signal` is missing; write {expected}"));
    let value = query.value("signal")?.ok_or_else(missing)?;
    let number = signal_named(value).ok_or_else(|| QueryError::Value {
        name: "signal",
        value: value.to_owned(),
        expected,
    })?;
    app.handle.command(&name, Command::Signal(number)).await?;
    let message = format!("Worker {name} signal {} sent", signal_name(number));
    Ok(Json(Done::new(message, Some(app.handle.generation()))))
}

/// Answers `POST /workers/start-all`.
pub(super) async fn start_all(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<Done>, ApiError> {
    ask_all(&app, &uri, Command::Start).await
}

/// Answers `POST /workers/stop-all`.
pub(super) async fn stop_all(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<Done>, ApiError> {
    ask_all(&app, &uri, Command::Stop).await
}

/// Answers `POST /workers/restart-all`.
pub(super) async fn restart_all(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<Done>, ApiError> {
    ask_all(&app, &uri, Command::Restart).await
}

/// Answers `POST /reload`.
pub(super) async fn reload(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    Ok(Json(Reloaded::of(app.handle.reload().await?)?).into_response())
}

async fn ask(app: &App, name: &str, uri: &Uri, command: Command) -> Result<Json<Done>, ApiError> {
    let must_wait = Query::of(uri)?.asks("wait")?;
    let ticket = app.handle.command(name, command.clone()).await?;
    if must_wait {
        settle(app, vec![ticket], &command).await?;
    }
    let message = format!("Worker {name} {} initiated", word(&command));
    Ok(Json(Done::new(message, Some(app.handle.generation()))))
}

async fn ask_all(app: &App, uri: &Uri, command: Command) -> Result<Json<Done>, ApiError> {
    let must_wait = Query::of(uri)?.asks("wait")?;
    let tickets = app.handle.command_all(&command).await?;
    if must_wait {
        settle(app, tickets, &command).await?;
    }
    Ok(Json(Done::new(format!("All workers {} initiated", word(&command)), None)))
}

/// Waits until all of these are carried out.
///
/// # Errors
/// One or more did not come about, or arcanos ends.
async fn settle(app: &App, tickets: Vec<Ticket>, command: &Command) -> Result<(), ApiError> {
    let mut failures = Vec::new();
    for ticket in tickets {
        tokio::select! {
            // Cancel-safe: the engine carries the command out; this only watches it.
            settled = ticket.settled(command) => failures.extend(settled.err()),
            // Cancel-safe: a cancelled token stays cancelled.
            () = app.ending.cancelled() => return Err(ApiError::stopping()),
        }
    }
    match failures.is_empty() {
        true => Ok(()),
        false => Err(ApiError::workers_failed(&failures)),
    }
}

const fn word(command: &Command) -> &'static str {
    match command {
        Command::Start => "start",
        Command::Stop => "stop",
        Command::Restart => "restart",
        Command::Run(_) => "run",
        Command::Signal(_) => "signal",
    }
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
