//! The board: the snapshot that all readers share, and the events.
//!
//! Writers put in what they know. The first reader after a change builds the next snapshot, under
//! the lock: it copies one reference a worker. So a thousand changes that nobody reads cost a
//! thousand small updates and no snapshot. Readers hold the lock only to take the snapshot, never
//! while they use it.
//!
//! Channels: `changes`, a `watch` of a number that grows with every change, so that waiters read
//! the snapshot again; `events`, a `broadcast` of what happened. The last [`HISTORY`] events are
//! kept for readers that come back, as far as they fit into [`HISTORY_BYTES`].

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::{broadcast, watch};

use crate::{
    domain::{Event, EventKind, Snapshot, Stamp, WorkerId, WorkerView},
    sync::lock,
    text,
};

/// Events kept for readers that come back: with 1,000 workers, a start of all of them.
const HISTORY: usize = 4096;

/// Bytes of memory that they may take: for each of them, all of the usual size.
const HISTORY_BYTES: usize = 2 << 20;

/// Bytes of the message of one event; what it is about, a reader finds in the view of the worker.
const MAX_MESSAGE: usize = 4 << 10;

/// Events that a reader may lag behind before it must read the whole snapshot again: what 1,000
/// workers make at once. The channel takes 32 bytes for each from the start.
const LAG: usize = 1024;

/// The snapshot and the events.
pub(crate) struct Board {
    inner: Mutex<Inner>,
    changes: watch::Sender<u64>,
    events: broadcast::Sender<Arc<Event>>,
}

struct Inner {
    snapshot: Arc<Snapshot>,
    workers: BTreeMap<WorkerId, Arc<WorkerView>>,
    problems: BTreeMap<String, String>,
    is_stale: bool,
    was_degraded: bool,
    history: VecDeque<Arc<Event>>,
    history_bytes: usize,
    next_id: u64,
}

impl Board {
    /// A board that shows this and no workers.
    pub(crate) fn new(first: Snapshot) -> Self {
        let was_degraded = first.is_degraded();
        let inner = Inner {
            workers: first.workers.clone(),
            snapshot: Arc::new(first),
            problems: BTreeMap::new(),
            is_stale: false,
            was_degraded,
            history: VecDeque::new(),
            history_bytes: 0,
            next_id: 1,
        };
        Self {
            inner: Mutex::new(inner),
            changes: watch::Sender::new(0),
            events: broadcast::Sender::new(LAG),
        }
    }

    /// The snapshot now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.lock().fresh()
    }

    /// The names of the variables that arcanos has now. Builds no snapshot.
    pub(crate) fn known_variables(&self) -> Arc<BTreeSet<String>> {
        Arc::clone(&self.lock().snapshot.known_variables)
    }

    /// One worker now.
    pub(crate) fn worker(&self, id: &WorkerId) -> Option<Arc<WorkerView>> {
        self.lock().workers.get(id).cloned()
    }

    /// A number that grows with every change of the snapshot.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The events after the one with this number, and a receiver of those to come. Without a
    /// number: only those to come. `None` for the past if some of it is forgotten, or if no event
    /// has this number yet.
    pub(crate) fn events(
        &self,
        after: Option<u64>,
    ) -> (Option<Vec<Arc<Event>>>, broadcast::Receiver<Arc<Event>>) {
        let inner = self.lock();
        let live = self.events.subscribe();
        let Some(after) = after else {
            return (Some(Vec::new()), live);
        };
        let oldest = inner.next_id - inner.history.len() as u64;
        let is_known = after < inner.next_id && after + 1 >= oldest;
        let missed = || inner.history.iter().filter(|o| o.id > after).cloned().collect();
        (is_known.then(missed), live)
    }

    /// Shows a worker as it is now. Emits an event if its state or run changed, or with a message.
    pub(crate) fn put(&self, view: WorkerView, message: Option<String>) {
        let mut inner = self.lock();
        let view = Arc::new(view);
        let previous = inner.workers.insert(view.id.clone(), Arc::clone(&view));
        inner.invalidate();
        let before = previous.as_ref().map(|p| p.state);
        let is_event = before != Some(view.state)
            || previous.is_some_and(|p| p.run_id != view.run_id)
            || message.is_some();
        if is_event {
            let text = message.unwrap_or_else(|| format!("{} is {}", view.id, view.state));
            let event = Event {
                worker: Some(view.id.clone()),
                state: Some(view.state),
                previous: before,
                run_id: view.run_id.clone(),
                ..event(EventKind::Worker, text)
            };
            self.emit(&mut inner, event);
        }
        drop(inner);
        self.changed();
    }

    /// Takes a worker off the board: it is gone.
    pub(crate) fn remove(&self, id: &WorkerId) {
        let mut inner = self.lock();
        if let Some(gone) = inner.workers.remove(id) {
            inner.invalidate();
            let event = Event {
                worker: Some(id.clone()),
                previous: Some(gone.state),
                run_id: gone.run_id.clone(),
                ..event(EventKind::Worker, format!("{id} is gone"))
            };
            self.emit(&mut inner, event);
        }
        drop(inner);
        self.changed();
    }

    /// Changes what is not about one worker. Emits an event if that changes the health.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut inner = self.lock();
        let mut snapshot = Snapshot::clone_without_workers(&inner.snapshot);
        change(&mut snapshot);
        inner.snapshot = Arc::new(snapshot);
        inner.is_stale = true;
        self.check_health(&mut inner);
        drop(inner);
        self.changed();
    }

    /// Shows what is wrong with something, or that nothing is any more. `source` names it: one
    /// problem for each source.
    pub(crate) fn set_problem(&self, source: &str, problem: Option<String>) {
        let mut inner = self.lock();
        let is_change = match problem {
            Some(text) => inner.problems.insert(source.to_owned(), text.clone()) != Some(text),
            None => inner.problems.remove(source).is_some(),
        };
        if is_change {
            inner.is_stale = true;
            self.check_health(&mut inner);
        }
        drop(inner);
        if is_change {
            self.changed();
        }
    }

    /// Emits the event of a reload.
    pub(crate) fn emit_reload(&self, message: String) {
        self.emit(&mut self.lock(), event(EventKind::Reload, message));
    }

    fn check_health(&self, inner: &mut Inner) {
        let is_degraded = inner.fresh().is_degraded();
        if is_degraded == inner.was_degraded {
            return;
        }
        inner.was_degraded = is_degraded;
        let message = match is_degraded {
            true => "health is degraded",
            false => "health is OK",
        };
        self.emit(inner, event(EventKind::Health, message.to_owned()));
    }

    /// Gives the event its number, and keeps and sends it.
    fn emit(&self, inner: &mut Inner, event: Event) {
        let message = text::cut(&event.message, MAX_MESSAGE).into_owned();
        let event = Arc::new(Event { id: inner.next_id, message, ..event });
        inner.next_id += 1;
        inner.keep(Arc::clone(&event));
        // It fails if nobody listens.
        let _ = self.events.send(event);
    }

    fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic under the lock leaves at worst an outdated snapshot, until the next change.
        lock(&self.inner)
    }
}

impl Inner {
    /// Marks the snapshot as outdated and drops the views in it. Without readers nobody would ask
    /// for the next snapshot, and each worker would be in memory twice.
    fn invalidate(&mut self) {
        if !self.is_stale {
            self.snapshot = Arc::new(Snapshot::clone_without_workers(&self.snapshot));
            self.is_stale = true;
        }
    }

    /// Keeps the event, and forgets the oldest ones for which there is no room any more.
    fn keep(&mut self, event: Arc<Event>) {
        self.history_bytes += cost(&event);
        self.history.push_back(event);
        while self.history.len() > HISTORY || self.history_bytes > HISTORY_BYTES {
            let oldest = self.history.pop_front();
            self.history_bytes -= oldest.map_or(self.history_bytes, |oldest| cost(&oldest));
        }
    }

    fn fresh(&mut self) -> Arc<Snapshot> {
        if self.is_stale {
            let mut snapshot = Snapshot::clone_without_workers(&self.snapshot);
            snapshot.workers = self.workers.clone();
            snapshot.problems = self.problems.values().cloned().collect();
            self.snapshot = Arc::new(snapshot);
            self.is_stale = false;
        }
        Arc::clone(&self.snapshot)
    }
}

/// Bytes of memory that an event takes, about.
fn cost(event: &Event) -> usize {
    size_of::<Event>() + event.message.capacity() + 2 * size_of::<usize>()
}

/// An event of this moment that is not about a worker; it has no number yet.
fn event(kind: EventKind, message: String) -> Event {
    Event {
        id: 0,
        at: Stamp::now(),
        kind,
        worker: None,
        state: None,
        previous: None,
        run_id: None,
        message,
    }
}

#[cfg(test)]
mod tests;
