//! A chunk: some lines that arrived together, and the pool of buffers they are in.

use std::{
    mem,
    ops::Deref,
    sync::{Arc, Mutex},
};

use crate::{
    domain::{LogCounters, RunId, Stamp, WorkerId},
    sync::lock,
    text::{lines, shown},
};

use super::line::{LogLine, Stream};

/// Bytes read from a pipe at once: what a pipe holds by default (pipe(7)).
pub(super) const BUFFER: usize = 64 * 1024;

/// Spare buffers kept for the next busy pipes. A flood cycles through more, which the allocator
/// gives as fast; these spare the usual handful of busy workers its work.
const MAX_SPARE: usize = 8;

/// Bytes that a chunk takes beside its text, about.
const OVERHEAD: usize = 192;

/// Some lines that arrived together, already redacted. Never empty.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The worker; `None` is arcanos itself.
    pub(super) worker: Option<WorkerId>,
    /// Where it comes from.
    pub(super) stream: Stream,
    /// The run it belongs to.
    pub(super) run: Option<RunId>,
    /// When it arrived.
    pub(super) at: Stamp,
    /// Bytes of its first line that an earlier chunk holds.
    pub(super) begun: usize,
    /// The lines with their ends; the last one may lack its end.
    pub(super) text: Text,
    /// How many of them have an end. Counted by who makes it, so that the text is gone through
    /// once.
    pub(super) ends: usize,
    /// Where bytes that cannot be written are counted.
    pub(super) counters: Option<Arc<LogCounters>>,
}

impl Chunk {
    /// Lines in it, a last one without an end included.
    pub(super) fn n_lines(&self) -> u64 {
        (self.ends + usize::from(!self.text.ends_with(b"\n"))) as u64
    }

    /// Bytes of memory it takes.
    pub(super) fn cost(&self) -> usize {
        self.text.bytes.capacity() + OVERHEAD
    }

    /// Bytes of a line that begins at this offset that may be shown.
    pub(super) fn budget(&self, offset: usize, max_line: usize) -> usize {
        match self.stream {
            Stream::Stdout | Stream::Stderr if offset == 0 => max_line.saturating_sub(self.begun),
            Stream::Stdout | Stream::Stderr => max_line,
            // Cut when it was made.
            Stream::Activity | Stream::Lifecycle => usize::MAX,
        }
    }

    /// The line that begins at this offset, as it is shown, and the offset of the next one.
    pub(super) fn line_at(&self, offset: usize, max_line: usize) -> Option<(LogLine, usize)> {
        let line = lines(&self.text[offset..]).next()?;
        let shown = LogLine {
            at: self.at,
            worker: self.worker.clone(),
            stream: Some(self.stream),
            run: self.run.clone(),
            text: shown(line.text, self.budget(offset, max_line)),
        };
        Some((shown, offset + line.text.len() + line.end.len()))
    }
}

/// Bytes in a buffer that may go back to its pool.
#[derive(Debug)]
pub(super) struct Text {
    bytes: Vec<u8>,
    pool: Option<Arc<Pool>>,
}

impl Text {
    /// Bytes in a buffer of their own.
    pub(super) fn own(bytes: Vec<u8>) -> Self {
        Self { bytes, pool: None }
    }

    /// Bytes in a buffer of the pool, which gets it back in the end.
    pub(super) fn pooled(bytes: Vec<u8>, pool: Arc<Pool>) -> Self {
        Self { bytes, pool: Some(pool) }
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.put(mem::take(&mut self.bytes));
        }
    }
}

/// Buffers of [`BUFFER`] bytes for whichever pipes are busy.
#[derive(Debug, Default)]
pub(super) struct Pool {
    spare: Mutex<Vec<Vec<u8>>>,
}

impl Pool {
    /// An empty buffer.
    pub(super) fn take(&self) -> Vec<u8> {
        let spare = self.lock().pop();
        spare.unwrap_or_else(|| Vec::with_capacity(BUFFER))
    }

    /// Takes a buffer back, if it is one of the pool's and there is room for it.
    pub(super) fn put(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut spare = self.lock();
        if buffer.capacity() == BUFFER && spare.len() < MAX_SPARE {
            spare.push(buffer);
        }
    }

    /// Gives the spare buffers back to the allocator.
    pub(super) fn clear(&self) {
        *self.lock() = Vec::new();
    }

    #[cfg(test)]
    pub(super) fn n_spare(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        lock(&self.spare)
    }
}
