//! The status server: the HTTP API of arcanos, its metrics and its dashboard.
//!
//! It sees the engine through its [`Handle`](crate::engine::Handle) only: it never touches a
//! process, nor a file of a worker. It takes no program, path or environment from a client.
//!
//! From the outside in: [`serve()`] listens with `http` where the config wants it, and
//! shuts everything down at the end; `caller` takes a request through the `guard` and the
//! `routes`; each route is a function of `read`, `act`, `logs`, `events`, `metrics` or `root`.
//!
//! Tasks: only those of the accept loop and its connections. The only channel is `addresses`, a
//! `watch` of where the server listens.

mod act;
mod api_error;
mod app;
mod bind;
mod caller;
mod dashboard;
mod events;
mod guard;
mod home_page;
mod line_blocks;
mod log_room;
mod logs;
mod metrics;
mod process;
mod query;
mod read;
mod response_cache;
mod routes;
mod serve;
mod stream;
mod wire;

#[cfg(test)]
mod tests;

pub use bind::{Bound, adopt, bind};
pub use serve::serve;
