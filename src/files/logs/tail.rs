//! The tail: the last lines of a log, made one by one as they are taken.
//!
//! Chunks are shared with the history. So a tail that nobody reads on takes little memory as long
//! as the history holds its chunks too, and [`Tail::cost`] once it does not.

use std::{sync::Arc, vec};

use super::{chunk::Chunk, line::LogLine};

/// The last lines, oldest first.
#[derive(Debug)]
pub struct Tail {
    older: vec::IntoIter<LogLine>,
    chunks: vec::IntoIter<Arc<Chunk>>,
    /// Lines of the first chunk that are too many.
    skip: usize,
    current: Option<(Arc<Chunk>, usize)>,
    max_line: usize,
    cost: usize,
}

impl Tail {
    /// The last lines of these chunks, at most `most`.
    pub(super) fn new(mut chunks: Vec<Arc<Chunk>>, most: usize, max_line: usize) -> Self {
        let (mut first, mut n_lines) = (chunks.len(), 0);
        while first > 0 && n_lines < most {
            first -= 1;
            n_lines += chunks[first].n_lines() as usize;
        }
        chunks.drain(..first);
        let cost = chunks.iter().map(|chunk| chunk.cost()).sum();
        Self {
            older: Vec::new().into_iter(),
            chunks: chunks.into_iter(),
            skip: n_lines.saturating_sub(most),
            current: None,
            max_line,
            cost,
        }
    }

    /// Puts lines in front, which are no longer in memory.
    pub(super) fn prepend(&mut self, older: Vec<LogLine>) {
        let size = |line: &LogLine| size_of::<LogLine>() + line.text.capacity();
        self.cost += older.iter().map(size).sum::<usize>();
        self.older = older.into_iter();
    }

    /// How many lines are in memory.
    pub(super) fn n_remembered(&self) -> usize {
        let n_lines: u64 = self.chunks.as_slice().iter().map(|chunk| chunk.n_lines()).sum();
        n_lines as usize - self.skip
    }

    /// Bytes of memory that it holds, those shared with the history included.
    #[must_use]
    pub const fn cost(&self) -> usize {
        self.cost
    }
}

impl Iterator for Tail {
    type Item = LogLine;

    fn next(&mut self) -> Option<LogLine> {
        if let Some(line) = self.older.next() {
            return Some(line);
        }
        loop {
            let (chunk, offset) = match self.current.take() {
                Some(current) => current,
                None => (self.chunks.next()?, 0),
            };
            if let Some((line, next)) = chunk.line_at(offset, self.max_line) {
                self.current = Some((chunk, next));
                if self.skip == 0 {
                    return Some(line);
                }
                self.skip -= 1;
            }
        }
    }
}
