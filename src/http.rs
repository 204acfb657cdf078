//! The HTTP server that arcanos listens with: sockets, connections and their deadlines. And the
//! client that it asks with.
//!
//! It is generic over a [`Service`] and knows none of the answers. Each user (the status server,
//! the stand-in) makes an [`Acceptor`] with its own [`Settings`], and so has its own pool of
//! connections: one of them can never take another's room.
//!
//! - `bind` makes a listening socket, `accept` takes connections from it and makes room for them.
//! - `connections` holds the pool: it counts the connections and says which one has to go.
//! - `deadlines` holds what one connection does now, and until when it may.
//! - `connection` drives one connection by hyper; `socket` reports its bytes; `exchange` takes
//!   one request to the service; `body` bounds what a request sends.
//! - `client` makes the client for one address; it shares nothing with the server.
//! - `host` reads `Host` and `Origin`, by which a page of another site is known.
//!
//! Tasks: one a listener, one a connection, one a rejected client; all owned by the acceptor's
//! tracker. There are no channels.

mod accept;
mod bind;
mod body;
mod client;
mod connection;
mod connections;
mod deadlines;
mod descriptors;
mod exchange;
mod host;
mod service;
mod settings;
mod socket;
#[cfg(test)]
mod tests;

pub(crate) use accept::Acceptor;
pub(crate) use bind::Listener;
pub(crate) use body::{BodyError, RequestBody};
pub(crate) use client::{ClientError, client, is_loopback, last_cause};
pub(crate) use deadlines::Timeouts;
pub(crate) use descriptors::within_descriptors;
pub(crate) use host::{HeaderError, HostError, Origin, only_value, target};
pub(crate) use service::{ConnectionInfo, Service};
pub(crate) use settings::{Limits, Settings};
