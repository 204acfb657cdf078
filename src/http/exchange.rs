//! One request on a connection, from its head until its response has been handed over.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, Request, Response, header},
};
use hyper::body::{Frame, Incoming, SizeHint};
use tower::ServiceExt;

use super::{
    body::RequestBody,
    deadlines::ConnectionState,
    service::{ConnectionInfo, Service},
};

/// The type of a response that has no end of its own.
const EVENT_STREAM: &str = "text/event-stream";

/// What the requests of one connection have in common.
pub(super) struct Exchange<S> {
    pub(super) service: S,
    pub(super) info: ConnectionInfo,
    pub(super) state: Arc<ConnectionState>,
    /// The largest body of a request, in bytes.
    pub(super) max_body: usize,
}

impl<S: Service> Exchange<S> {
    /// Takes a request to the service, and its response back.
    pub(super) async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<ResponseBody>, Infallible> {
        // Dropped with the response's body, and also when the request is given up half way.
        let in_progress = InProgress(Arc::clone(&self.state));
        let mut request =
            request.map(|body| RequestBody::new(body, Arc::clone(&self.state), self.max_body));
        request.extensions_mut().insert(self.info);
        let response = self.service.clone().oneshot(request).await?;
        if is_stream(response.headers()) {
            self.state.streams();
        }
        Ok(response.map(|body| ResponseBody { body, _in_progress: in_progress }))
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(EVENT_STREAM.as_bytes()))
}

/// A request that is being responded to; its drop ends that.
struct InProgress(Arc<ConnectionState>);

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.served();
    }
}

/// The body of a response, which keeps its request in progress.
pub(super) struct ResponseBody {
    body: Body,
    _in_progress: InProgress,
}

impl HttpBody for ResponseBody {
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
