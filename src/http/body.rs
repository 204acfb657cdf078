//! The body of a request, bounded in size and time.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Bytes, HttpBody};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep_until};

use super::deadlines::ConnectionState;

/// Why a body cannot be had in full.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It has, or announces, more bytes than its limit.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The request was not here in time.
    #[error("the request took more than {} s to arrive", within.as_secs_f64())]
    TooSlow {
        /// The time for the whole request.
        within: Duration,
    },
    /// The client went away, or what it sent is not HTTP.
    #[error("the body could not be read")]
    Unreadable(#[source] hyper::Error),
}

impl BodyError {
    /// The body's error among this error and its causes: a framework wraps it.
    pub(crate) fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }
}

/// The body of a request as it comes in.
///
/// It ends with a [`BodyError`] beyond its limit or its deadline. The size that a client announces
/// is checked before a byte of it is read.
pub(crate) struct RequestBody {
    incoming: Incoming,
    limit: usize,
    left: usize,
    /// `None` for a request without a body.
    deadline: Option<Pin<Box<Sleep>>>,
    state: Arc<ConnectionState>,
}

impl RequestBody {
    /// The body of a request whose head has just come on this connection.
    pub(super) fn new(incoming: Incoming, state: Arc<ConnectionState>, limit: usize) -> Self {
        let deadline = match incoming.is_end_stream() {
            true => {
                state.received();
                None
            }
            false => Some(Box::pin(sleep_until(state.expects_body().into()))),
        };
        Self { incoming, limit, left: limit, deadline, state }
    }

    /// Reads it to its end.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub(crate) async fn read(self) -> Result<Bytes, BodyError> {
        match self.is_end_stream() {
            true => Ok(Bytes::new()),
            false => Ok(self.collect().await?.to_bytes()),
        }
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        let Some(deadline) = &mut self.deadline else {
            return Poll::Pending;
        };
        let within = self.state.request_timeout();
        deadline.as_mut().poll(cx).map(|()| BodyError::TooSlow { within })
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        let n = frame.data_ref().map_or(0, Bytes::len);
        self.left = self.left.checked_sub(n).ok_or(BodyError::TooLarge { limit: self.limit })?;
        if self.incoming.is_end_stream() {
            self.state.received();
        }
        Ok(frame)
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.incoming.size_hint().lower() > self.left as u64 {
            return Poll::Ready(Some(Err(BodyError::TooLarge { limit: self.limit })));
        }
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(self.take(frame))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(BodyError::Unreadable(error)))),
            Poll::Ready(None) => {
                self.state.received();
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_deadline(cx).map(|error| Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
