//! The service of the status server: access control, then the routes.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, header, request::Parts},
    response::IntoResponse,
};
use tower::{ServiceExt, service_fn};

use super::{api_error::ApiError, app::App, query, routes};
use crate::{
    failpoint::failpoint,
    http::{ConnectionInfo, RequestBody, Service},
};

/// The service that responds to all requests.
pub(super) fn service(app: Arc<App>) -> impl Service {
    let routes = routes::router(Arc::clone(&app));
    service_fn(move |request: Request<RequestBody>| {
        let caller = Caller { app: Arc::clone(&app), routes: routes.clone() };
        async move { Ok(caller.answer(request).await) }
    })
}

/// What one request needs.
struct Caller {
    app: Arc<App>,
    routes: Router,
}

impl Caller {
    async fn answer(self, request: Request<RequestBody>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let method = head.method.clone();
        let mut response = match self.respond(head, body).await {
            Ok(response) => response,
            Err(api_error) => api_error.into_response(),
        };
        add_security_headers(response.headers_mut());
        tracing::debug!(%method, status = response.status().as_u16(), "A request was answered.");
        response
    }

    async fn respond(self, head: Parts, body: RequestBody) -> Result<Response<Body>, ApiError> {
        let info = head.extensions.get::<ConnectionInfo>();
        let local = info.expect("the accept loop adds it to each request").local;
        let asker = self.app.access().check(local, &head)?;
        // Every request is received in full before anything is done about it, so that a slow or
        // endless one costs a buffer and nothing else.
        let body = body.read().await?;
        let mut request = Request::from_parts(normalize_path(head)?, Body::from(body));
        request.extensions_mut().insert(asker);
        let answer = async {
            failpoint("request", request.uri().path());
            self.routes.oneshot(request).await
        };
        let response = catch_panic(answer).await?;
        Ok(response.unwrap_or_else(|never| match never {}))
    }
}

/// The head with the path that the routes know: a trailing slash makes no difference.
fn normalize_path(mut head: Parts) -> Result<Parts, ApiError> {
    let path = head.uri.path();
    if !query::is_well_encoded(path) {
        return Err(ApiError::bad_request("the path is not well percent-encoded UTF-8".to_owned()));
    }
    let Some(bare) = path.strip_suffix('/').filter(|bare| !bare.is_empty()) else {
        return Ok(head);
    };
    let bare = match head.uri.query() {
        Some(query) => format!("{bare}?{query}").parse::<Uri>(),
        None => bare.parse(),
    };
    head.uri = bare.map_err(|_| ApiError::no_endpoint(head.uri.path()))?;
    Ok(head)
}

/// Waits for a response; a panic on the way costs this request, not the server.
async fn catch_panic<F: Future>(future: F) -> Result<F::Output, ApiError> {
    let mut future = pin!(future);
    let outcome = poll_fn(|cx| {
        // The future is not polled again after a panic, so nobody sees what it left half done.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    });
    outcome.await.map_err(|panic| {
        let error = panic_message(panic.as_ref());
        tracing::error!(error, "A request made the server panic.");
        ApiError::internal(
            "the server panicked while it answered; its log on stderr has the details",
        )
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message")
}

/// Adds the headers that every response has.
pub(super) fn add_security_headers(headers: &mut HeaderMap) {
    const ALWAYS: [(HeaderName, HeaderValue); 3] = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    headers.extend(ALWAYS.map(|(name, value)| (Some(name), value)));
}
