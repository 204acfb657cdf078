//! Settings of the HTTP server that differ between its users.

use std::fmt;

use axum::http::Response;

use super::deadlines::Timeouts;

/// The settings of one [`Acceptor`](super::Acceptor).
pub(crate) struct Settings {
    /// How long a client may take.
    pub(crate) timeouts: Timeouts,
    /// How much a client may send.
    pub(crate) limits: Limits,
    /// How many connections there may be now; asked for each new one.
    pub(crate) max_connections: Box<dyn Fn() -> usize + Send + Sync>,
    /// The response to a client for which there is no room.
    pub(crate) full: fn() -> Response<Vec<u8>>,
}

/// Sizes in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The first line and the headers of a request.
    pub(crate) head: usize,
    /// hyper's buffer for one connection: room for the head, and for part of a response. At least
    /// 8 KiB.
    pub(crate) buffer: usize,
    /// The body of a request.
    pub(crate) body: usize,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("timeouts", &self.timeouts)
            .field("limits", &self.limits)
            .field("max_connections", &(self.max_connections)())
            .finish_non_exhaustive()
    }
}
