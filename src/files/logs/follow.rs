//! The follower: gives the lines of a worker, or of all, as they come.

use std::sync::Arc;

use tokio::sync::watch;

use crate::sync::lock;

use super::{
    chunk::Chunk,
    history::{Place, Scope},
    line::{LogLine, Stream},
    shared::LogsShared,
};

/// The lines that come after a moment, in order.
///
/// It holds a place in the memory of the logs and no lines of its own: one that is read too
/// slowly loses its place, and nobody waits for it.
#[derive(Debug)]
pub struct Follower {
    pub(super) shared: Arc<LogsShared>,
    pub(super) scope: Scope,
    pub(super) stream: Option<Stream>,
    pub(super) place: Place,
    pub(super) latest: watch::Receiver<u64>,
    pub(super) current: Option<Current>,
}

/// A chunk that is being read.
#[derive(Debug)]
pub(super) struct Current {
    chunk: Arc<Chunk>,
    offset: usize,
    max_line: usize,
}

/// An item that a [`Follower`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowItem {
    /// The next line.
    Line(LogLine),
    /// So many lines were missed here, because they were read too late.
    Lagged(u64),
}

impl Follower {
    /// The next line, once there is one; `None` when the worker is gone.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<FollowItem> {
        loop {
            if let Some(line) = self.line() {
                return Some(FollowItem::Line(line));
            }
            // Marked as seen before looking, so that what comes after the look wakes us up.
            self.latest.borrow_and_update();
            match self.fetch() {
                Some(0) => {}
                Some(gone) => return Some(FollowItem::Lagged(gone)),
                None => self.latest.changed().await.ok()?,
            }
        }
    }

    /// The next line of the current chunk.
    fn line(&mut self) -> Option<LogLine> {
        let current = self.current.as_mut()?;
        let next = current.chunk.line_at(current.offset, current.max_line);
        match next {
            Some((line, offset)) => {
                current.offset = offset;
                Some(line)
            }
            None => {
                self.current = None;
                None
            }
        }
    }

    /// Takes up the next chunk; says how many lines before it are gone, or that there is none.
    fn fetch(&mut self) -> Option<u64> {
        let max_line = self.shared.view().max_line;
        let history = lock(&self.shared.history);
        let (chunk, gone) = history.next(&self.scope, &mut self.place)?;
        if chunk.stream.is_wanted(self.stream) {
            self.current = Some(Current { chunk, offset: 0, max_line });
        }
        Some(gone)
    }
}
