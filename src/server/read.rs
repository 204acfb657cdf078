//! Routes that read: health, workers, discovery, config and plan.

use std::{
    slice,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use crate::domain::{self, Snapshot, WorkerId, WorkerView};

use super::{
    api_error::ApiError,
    app::App,
    guard::Asker,
    process,
    query::{Query, QueryError},
    response_cache::Large,
    wire::{self, Own},
};

/// Answers `GET /health`.
pub(super) async fn health(
    State(app): State<Arc<App>>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let strictness = Strictness::read(&Query::of(&uri)?)?;
    let snapshot = app.handle.snapshot();
    let own = Own { uptime: uptime(&app), memory_bytes: process::resident_bytes() };
    let status = match strictness.is_bad(&snapshot) {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::OK,
    };
    Ok((status, Json(wire::Health::new(&snapshot, own, asker))).into_response())
}

/// Answers `GET /workers`.
pub(super) async fn workers(State(app): State<Arc<App>>) -> Response {
    json(app.responses.body(Large::Workers, &app.handle).await)
}

/// Answers `GET /workers/status`.
pub(super) async fn status(State(app): State<Arc<App>>) -> Response {
    json(app.responses.body(Large::Status, &app.handle).await)
}

/// Answers `GET /workers/ID`.
pub(super) async fn worker(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let view = find(&app, &name)?;
    let usage = match view.has_run {
        true => app.handle.usage(slice::from_ref(&view.id)).await.pop().flatten(),
        false => None,
    };
    Ok(Json(wire::Worker::new(&view, usage, Instant::now())).into_response())
}

/// Answers `GET /discovery`.
pub(super) async fn discovery(State(app): State<Arc<App>>) -> Response {
    Json(&*app.handle.discovery()).into_response()
}

/// Answers `GET /config`.
pub(super) async fn config(State(app): State<Arc<App>>) -> Response {
    Json(&*app.handle.config()).into_response()
}

/// Answers `GET /plan`: what a reload would do now.
pub(super) async fn plan(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, ApiError> {
    let draft = Query::of(&uri)?.value("draft")?.map(str::to_owned);
    Ok(Json(wire::Reloaded::of(app.handle.preview(draft).await?)?).into_response())
}

/// What makes `/health` answer with 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strictness {
    /// Nothing.
    None,
    /// arcanos is degraded.
    Degraded,
    /// arcanos is degraded, or a worker has failed.
    Workers,
}

impl Strictness {
    fn read(query: &Query) -> Result<Self, QueryError> {
        match query.value("strict")? {
            None | Some("0" | "false") => Ok(Self::None),
            Some("" | "1" | "true") => Ok(Self::Degraded),
            Some("workers") => Ok(Self::Workers),
            Some(other) => {
                let value = other.to_owned();
                Err(QueryError::Value { name: "strict", value, expected: "1, 0 or workers" })
            }
        }
    }

    fn is_bad(self, snapshot: &Snapshot) -> bool {
        let has_failed =
            || snapshot.workers.values().any(|view| view.state == domain::State::Failed);
        match self {
            Self::None => false,
            Self::Degraded => snapshot.is_degraded(),
            Self::Workers => snapshot.is_degraded() || has_failed(),
        }
    }
}

/// The worker of this name.
pub(super) fn find(app: &App, name: &str) -> Result<Arc<WorkerView>, ApiError> {
    // Only valid ids are looked up: no text of a client ever becomes part of a path.
    let id = WorkerId::parse(name).map_err(|_| ApiError::no_worker(name))?;
    app.handle.worker(&id).ok_or_else(|| ApiError::no_worker(name))
}

/// How long the server has been up.
pub(super) fn uptime(app: &App) -> Duration {
    process::since_boot().saturating_sub(app.started)
}

fn json(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
