//! The stand-in's routes, and the `Host` check before each of them.

use axum::{
    Router,
    extract::Request,
    http::{Method, Uri},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};

use super::{
    chat, embeddings, models,
    refusal::{Refusal, add_headers},
    responses,
};
use crate::{domain::Host, http};

/// All routes of the stand-in.
pub(super) fn router() -> Router {
    Router::new()
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::retrieve))
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/responses", post(responses::respond))
        .route("/v1/embeddings", post(embeddings::embed))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(guard))
}

/// Refuses requests to any other than a loopback host, and labels every response.
async fn guard(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let mut response = match http::target(&head, Host::is_loopback) {
        Err(_) => Refusal::ForeignHost.into_response(),
        Ok(_) => next.run(Request::from_parts(head, body)).await,
    };
    add_headers(response.headers_mut());
    response
}

async fn unknown_route(method: Method, uri: Uri) -> Refusal {
    Refusal::UnknownRoute { method: method.to_string(), path: uri.path().to_owned() }
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    Refusal::WrongMethod { method: method.to_string(), path: uri.path().to_owned() }
}
