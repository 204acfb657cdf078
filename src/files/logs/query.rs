//! A query for the last lines of a log.

use super::line::Stream;
use crate::domain::Stamp;

/// Which lines [`Logs::tail`](super::Logs::tail) gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailQuery {
    /// How many, at most.
    pub lines: usize,
    /// Of which stream; `None` is all of them.
    pub stream: Option<Stream>,
    /// From this moment on.
    pub since: Option<Stamp>,
}

impl TailQuery {
    /// The last lines of all streams, so many.
    #[must_use]
    pub const fn last(lines: usize) -> Self {
        Self { lines, stream: None, since: None }
    }
}
