//! The [`Service`] trait: what responds to the requests of a server.

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    body::Body,
    http::{Request, Response},
};

use super::body::RequestBody;

/// A tower service that responds to each request; an axum router is one.
///
/// Each request carries a [`ConnectionInfo`] among its extensions.
pub(crate) trait Service:
    tower::Service<
        Request<RequestBody>,
        Response = Response<Body>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Service for S where
    S: tower::Service<
            Request<RequestBody>,
            Response = Response<Body>,
            Error = Infallible,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// The connection that a request came by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionInfo {
    /// The address of ours that the client connected to.
    pub(crate) local: SocketAddr,
}
