//! The route table of the status server.

use std::sync::Arc;

use axum::{
    Router,
    http::{Method, Uri},
    routing::{get, post},
};

use super::{act, api_error::ApiError, app::App, events, home_page, logs, metrics, read};

/// All routes. HEAD requests go where GET requests go.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(home_page::root))
        .route("/health", get(read::health))
        .route("/workers", get(read::workers))
        .route("/workers/status", get(read::status))
        .route("/workers/{id}", get(read::worker))
        .route("/workers/logs/{id}", get(logs::logs))
        .route("/workers/restart/{id}", post(act::restart))
        .route("/workers/start/{id}", post(act::start))
        .route("/workers/stop/{id}", post(act::stop))
        .route("/workers/run/{id}", post(act::run))
        .route("/workers/signal/{id}", post(act::signal))
        .route("/workers/start-all", post(act::start_all))
        .route("/workers/stop-all", post(act::stop_all))
        .route("/workers/restart-all", post(act::restart_all))
        .route("/reload", post(act::reload))
        .route("/plan", get(read::plan))
        .route("/discovery", get(read::discovery))
        .route("/config", get(read::config))
        .route("/events", get(events::events))
        .route("/metrics", get(metrics::metrics))
        .fallback(no_endpoint)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
}

async fn no_endpoint(uri: Uri) -> ApiError {
    ApiError::no_endpoint(uri.path())
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    ApiError::wrong_method(method.as_str(), uri.path())
}
