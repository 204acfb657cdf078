//! The status server: everything that arcanos answers over HTTP.
//!
//! It sees the engine through its [`Handle`](crate::engine::Handle) only: it never touches a
//! process, nor a file of a worker. It takes no program, path or environment from a client.
//!
//! From the outside in: [`serve()`] keeps the listener where the config wants it and ends all in
//! the end; `accept` takes connections in and makes room; `connection` drives one of them under
//! the deadlines of its `pulse`; `caller` takes a request through the `guard` and the `routes`.
//!
//! Tasks: one acceptor a listener, one task a connection, all owned by the tracker in [`serve()`].
//! No channel but `addresses`, a `watch` of where the server listens.

mod accept;
mod act;
mod api_error;
mod app;
mod bind;
mod caller;
mod connection;
mod crowd;
mod dashboard;
mod events;
mod guard;
mod host;
mod logs;
mod metrics;
mod process;
mod pulse;
mod query;
mod read;
mod response_cache;
mod root;
mod routes;
mod serve;
mod socket;
mod stream;
mod wire;

#[cfg(test)]
mod tests;

pub use bind::{BindError, Bound, adopt, bind};
pub use serve::serve;
