//! The history: the latest lines of every worker, in bounded memory.
//!
//! Chunks are shared with the queue, not copied. Every chunk has a number that only grows, so
//! whoever reads on from a number misses nothing and sees nothing twice; if chunks are gone by
//! then, the numbers of their lines say how many.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::sync::watch;

use crate::domain::{Stamp, WorkerId};

use super::{chunk::Chunk, query::TailQuery};

/// Bytes kept of one worker: some thousand lines.
const MAX_OF_ONE: usize = 1024 * 1024;

/// Bytes kept over all workers; those with the most lose theirs first.
const MAX_OF_ALL: usize = 16 * 1024 * 1024;

/// Whose lines; `None` is all of them, arcanos's own too.
pub(super) type Scope = Option<WorkerId>;

/// The latest chunks.
#[derive(Debug)]
pub(super) struct History {
    /// By worker; `None` is arcanos itself.
    rings: HashMap<Option<WorkerId>, Ring>,
    next: u64,
    n_lines: u64,
    cost: usize,
    /// The number of the latest chunk, for those who follow everything.
    latest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<Record>,
    n_lines: u64,
    cost: usize,
    /// The number of the latest chunk, once somebody follows this worker.
    latest: Option<watch::Sender<u64>>,
}

/// A chunk with its place in the order of all.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Its number.
    pub(super) number: u64,
    /// How many lines its ring had before it.
    line: u64,
    /// How many lines there were before it in all.
    line_of_all: u64,
    /// The lines.
    pub(super) chunk: Arc<Chunk>,
}

/// A place to read on from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The number of the next chunk, or less.
    number: u64,
    /// How many lines came before it.
    line: u64,
}

/// The end of the history.
#[derive(Debug)]
pub(super) struct Newest {
    /// The chunks, oldest first.
    pub(super) chunks: Vec<Arc<Chunk>>,
    /// When the oldest chunk arrived that is remembered at all, wanted or not.
    pub(super) oldest: Option<Stamp>,
}

impl History {
    pub(super) fn new() -> Self {
        Self { rings: HashMap::new(), next: 1, n_lines: 0, cost: 0, latest: watch::Sender::new(0) }
    }

    /// Remembers a chunk and wakes those who follow it.
    pub(super) fn push(&mut self, chunk: Arc<Chunk>) {
        let (n_lines, cost, number) = (chunk.n_lines(), chunk.cost(), self.next);
        let ring = self.rings.entry(chunk.worker.clone()).or_default();
        ring.records.push_back(Record {
            number,
            line: ring.n_lines,
            line_of_all: self.n_lines,
            chunk,
        });
        ring.n_lines += n_lines;
        ring.cost += cost;
        self.next += 1;
        self.n_lines += n_lines;
        self.cost += cost;
        while ring.cost > MAX_OF_ONE {
            self.cost -= ring.drop_oldest();
        }
        if let Some(latest) = &ring.latest {
            latest.send_replace(number);
        }
        while self.cost > MAX_OF_ALL {
            let largest = self.rings.values_mut().max_by_key(|ring| ring.cost);
            self.cost -= largest.map_or(self.cost, Ring::drop_oldest);
        }
        if self.latest.receiver_count() > 0 {
            self.latest.send_replace(number);
        }
    }

    /// Forgets a worker; those who follow it come to an end.
    pub(super) fn forget(&mut self, id: &WorkerId) {
        if let Some(ring) = self.rings.remove(&Some(id.clone())) {
            self.cost -= ring.cost;
        }
    }

    /// The latest chunks that hold so many lines, or what there is of them.
    pub(super) fn newest(&self, scope: &Scope, query: &TailQuery) -> Newest {
        let mut records: Vec<&Record> = Vec::new();
        for ring in self.rings_of(scope) {
            let mut n_lines = 0;
            let wanted =
                ring.records.iter().rev().filter(|r| r.chunk.stream.is_wanted(query.stream));
            for record in wanted.take_while(|r| query.since.is_none_or(|since| r.chunk.at >= since))
            {
                if n_lines >= query.lines as u64 {
                    break;
                }
                n_lines += record.chunk.n_lines();
                records.push(record);
            }
        }
        records.sort_unstable_by_key(|record| record.number);
        let firsts = self.rings_of(scope).filter_map(|ring| ring.records.front());
        Newest {
            chunks: records.into_iter().map(|r| Arc::clone(&r.chunk)).collect(),
            oldest: firsts.min_by_key(|r| r.number).map(|r| r.chunk.at),
        }
    }

    /// The place after the latest chunk, and a channel that reports every later one.
    pub(super) fn follow(&mut self, scope: &Scope) -> (Place, watch::Receiver<u64>) {
        let number = self.next;
        if scope.is_none() {
            return (Place { number, line: self.n_lines }, self.latest.subscribe());
        }
        let ring = self.rings.entry(scope.clone()).or_default();
        let latest = ring.latest.get_or_insert_with(|| watch::Sender::new(0));
        (Place { number, line: ring.n_lines }, latest.subscribe())
    }

    /// The first chunk from this place on, and how many lines between are gone; moves the place.
    pub(super) fn next(&self, scope: &Scope, place: &mut Place) -> Option<(Arc<Chunk>, u64)> {
        let record =
            self.rings_of(scope).filter_map(|r| r.from(place.number)).min_by_key(|r| r.number)?;
        let line = if scope.is_some() { record.line } else { record.line_of_all };
        let gone = line.saturating_sub(place.line);
        *place = Place { number: record.number + 1, line: line + record.chunk.n_lines() };
        Some((Arc::clone(&record.chunk), gone))
    }

    /// Bytes of memory it takes.
    #[cfg(test)]
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    fn rings_of(&self, scope: &Scope) -> impl Iterator<Item = &Ring> {
        let one = scope.as_ref().map(|_| self.rings.get(scope).into_iter());
        let all = scope.is_none().then(|| self.rings.values());
        one.into_iter().flatten().chain(all.into_iter().flatten())
    }
}

impl Ring {
    /// Returns what it cost.
    fn drop_oldest(&mut self) -> usize {
        let cost = self.records.pop_front().map_or(0, |record| record.chunk.cost());
        self.cost -= cost;
        cost
    }

    fn from(&self, number: u64) -> Option<&Record> {
        let at = self.records.partition_point(|record| record.number < number);
        self.records.get(at)
    }
}
