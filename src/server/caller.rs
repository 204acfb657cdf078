//! One request, from its head to its answer.

use std::{
    any::Any,
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, header, request::Parts},
    response::IntoResponse,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    service::Service,
};
use hyper_util::service::TowerToHyperService;
use tokio::time::timeout_at;

use super::{api_error::ApiError, app::App, pulse::ConnectionState, query};
use crate::failpoint::failpoint;

/// The body of a request, in bytes.
pub(super) const MAX_BODY: usize = 64 << 10;

/// Who asks on one connection.
pub(super) struct Caller {
    pub(super) app: Arc<App>,
    /// The address of ours that the connection came to.
    pub(super) local: SocketAddr,
    pub(super) pulse: Arc<ConnectionState>,
    pub(super) routes: TowerToHyperService<axum::Router>,
}

impl Caller {
    /// Answers a request.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Answer>, Infallible> {
        // Also a request that is dropped half way, or whose handler panics, ends the turn.
        let turn = Turn(Arc::clone(&self.pulse));
        let (head, body) = request.into_parts();
        let method = head.method.clone();
        let mut response = match self.respond(head, body).await {
            Ok(response) => response,
            Err(api_error) => api_error.into_response(),
        };
        add_security_headers(response.headers_mut());
        tracing::debug!(%method, status = response.status().as_u16(), "A request was answered.");
        if is_stream(response.headers()) {
            self.pulse.streams();
        }
        Ok(response.map(|body| Answer { body, _turn: turn }))
    }

    async fn respond(&self, head: Parts, body: Incoming) -> Result<Response<Body>, ApiError> {
        let deadline = match body.is_end_stream() {
            true => {
                self.pulse.received();
                None
            }
            false => Some(self.pulse.expects_body()),
        };
        self.app.access().check(self.local, &head)?;
        let body = match deadline {
            Some(deadline) => self.receive(body, deadline).await?,
            None => Bytes::new(),
        };
        let request = Request::from_parts(normalize_path(head)?, Body::from(body));
        let answer = async {
            failpoint("request", request.uri().path());
            self.routes.call(request).await
        };
        let response = unpanicked(answer).await?;
        Ok(response.unwrap_or_else(|never| match never {}))
    }

    /// The whole body. Every request is received in full before anything is done about it, so
    /// that a slow or endless one costs a buffer and nothing else.
    async fn receive(&self, body: Incoming, deadline: Instant) -> Result<Bytes, ApiError> {
        if body.size_hint().lower() > MAX_BODY as u64 {
            return Err(ApiError::too_large(MAX_BODY));
        }
        let whole = Limited::new(body, MAX_BODY).collect();
        let whole = timeout_at(deadline.into(), whole).await.map_err(|_| ApiError::too_slow())?;
        let whole = whole.map_err(|error| match error.is::<LengthLimitError>() {
            true => ApiError::too_large(MAX_BODY),
            false => ApiError::bad_request(format!("the body could not be read: {error}")),
        })?;
        self.pulse.received();
        Ok(whole.to_bytes())
    }
}

/// A request that is being answered; ends when the answer has been handed over, or dropped.
struct Turn(Arc<ConnectionState>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.served();
    }
}

/// The body of an answer.
pub(super) struct Answer {
    body: Body,
    _turn: Turn,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The head with the path that the routes know: a trailing slash is no difference.
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

/// Waits for an answer; a panic on the way costs this request, not the server.
async fn unpanicked<F: Future>(future: F) -> Result<F::Output, ApiError> {
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
        let error = words(panic.as_ref());
        tracing::error!(error, "A request made the server panic.");
        ApiError::internal("the server met a api_error of its own; its log on stderr says more")
    })
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

/// Puts on what every answer wears.
fn add_security_headers(headers: &mut HeaderMap) {
    const WORN: [(HeaderName, HeaderValue); 3] = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    headers.extend(WORN.map(|(name, value)| (Some(name), value)));
}

fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == super::stream::CONTENT_TYPE)
}
