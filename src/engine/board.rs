//! What everybody may see, and what has happened.
//!
//! Writers put in what they know; a snapshot of the whole is taken when somebody asks and kept
//! until the next change, so that a thousand changes that nobody looks at cost a thousand small
//! updates and no snapshot. Readers hold no lock.
//!
//! Channels: `changes`, a `watch` of a number that grows with every change (waiters look at the
//! snapshot again); `events`, a `broadcast` of what happened, beside the last
//! [`HISTORY`] of them for those who come late.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::{broadcast, watch};

use crate::{
    domain::{Event, OccurrenceKind, RunId, Snapshot, Stamp, State, WorkerId, WorkerView},
    sync::lock,
};

/// Occurrences kept for readers that come back: with 1,000 workers, a start of all of them.
const HISTORY: usize = 4096;

/// Occurrences a reader may lag behind before it is told to look at everything anew: what 1,000
/// workers make at once. The channel takes 32 bytes for each from the start.
const LAG: usize = 1024;

/// The snapshot and the past.
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

    /// One worker now.
    pub(crate) fn worker(&self, id: &WorkerId) -> Option<Arc<WorkerView>> {
        self.lock().workers.get(id).cloned()
    }

    /// A number that grows with every change of the snapshot.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// What happened after the occurrence with this number (all that is still known without
    /// one), and what will. `None` where some of it is forgotten, or `after` is not known yet.
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

    /// Shows a worker as it is now; tells of it if its state or run changed.
    pub(crate) fn put(&self, view: WorkerView, message: Option<String>) {
        let mut inner = self.lock();
        let view = Arc::new(view);
        let previous = inner.workers.insert(view.id.clone(), Arc::clone(&view));
        inner.spoil();
        let before = previous.as_ref().map(|p| p.state);
        let is_news = before != Some(view.state)
            || previous.is_some_and(|p| p.run_id != view.run_id)
            || message.is_some();
        if is_news {
            let fact = Fact {
                kind: OccurrenceKind::Worker,
                worker: Some(view.id.clone()),
                state: Some(view.state),
                previous: before,
                run_id: view.run_id.clone(),
                message: message.unwrap_or_else(|| format!("{} is {}", view.id, view.state)),
            };
            self.tell(&mut inner, fact);
        }
        drop(inner);
        self.changed();
    }

    /// A worker is no more.
    pub(crate) fn remove(&self, id: &WorkerId) {
        let mut inner = self.lock();
        if let Some(gone) = inner.workers.remove(id) {
            inner.spoil();
            let fact = Fact {
                kind: OccurrenceKind::Worker,
                worker: Some(id.clone()),
                state: None,
                previous: Some(gone.state),
                run_id: gone.run_id.clone(),
                message: format!("{id} is gone"),
            };
            self.tell(&mut inner, fact);
        }
        drop(inner);
        self.changed();
    }

    /// Changes what is not about a worker; tells of it if that turns the health.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut inner = self.lock();
        let mut snapshot = Snapshot::clone_without_workers(&inner.snapshot);
        change(&mut snapshot);
        inner.snapshot = Arc::new(snapshot);
        inner.is_stale = true;
        self.look_at_health(&mut inner);
        drop(inner);
        self.changed();
    }

    /// Says what is wrong with something, or that nothing is any more.
    pub(crate) fn set_problem(&self, source: &str, problem: Option<String>) {
        let mut inner = self.lock();
        let is_change = match problem {
            Some(text) => inner.problems.insert(source.to_owned(), text.clone()) != Some(text),
            None => inner.problems.remove(source).is_some(),
        };
        if is_change {
            inner.is_stale = true;
            self.look_at_health(&mut inner);
        }
        drop(inner);
        if is_change {
            self.changed();
        }
    }

    /// Tells of a reload.
    pub(crate) fn tell_reload(&self, message: String) {
        let fact = Fact {
            kind: OccurrenceKind::Reload,
            worker: None,
            state: None,
            previous: None,
            run_id: None,
            message,
        };
        self.tell(&mut self.lock(), fact);
    }

    fn look_at_health(&self, inner: &mut Inner) {
        let is_degraded = inner.fresh().is_degraded();
        if is_degraded == inner.was_degraded {
            return;
        }
        inner.was_degraded = is_degraded;
        let message = match is_degraded {
            true => "health is degraded",
            false => "health is OK",
        };
        let fact = Fact {
            kind: OccurrenceKind::Health,
            worker: None,
            state: None,
            previous: None,
            run_id: None,
            message: message.to_owned(),
        };
        self.tell(inner, fact);
    }

    fn tell(&self, inner: &mut Inner, fact: Fact) {
        let occurrence = Arc::new(Event {
            id: inner.next_id,
            at: Stamp::now(),
            kind: fact.kind,
            worker: fact.worker,
            state: fact.state,
            previous: fact.previous,
            run_id: fact.run_id,
            message: fact.message,
        });
        inner.next_id += 1;
        if inner.history.len() == HISTORY {
            inner.history.pop_front();
        }
        inner.history.push_back(Arc::clone(&occurrence));
        // Nobody may be listening.
        let _ = self.events.send(occurrence);
    }

    fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic inside would leave at worst a stale snapshot, which the next change mends.
        lock(&self.inner)
    }
}

impl Inner {
    /// The snapshot is not true any more. What only it still holds is let go at once: without
    /// readers nobody would ask for another one, and each worker would be there twice.
    fn spoil(&mut self) {
        if !self.is_stale {
            self.snapshot = Arc::new(Snapshot::clone_without_workers(&self.snapshot));
            self.is_stale = true;
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

/// An occurrence before it has a number.
struct Fact {
    kind: OccurrenceKind,
    worker: Option<WorkerId>,
    state: Option<State>,
    previous: Option<State>,
    run_id: Option<RunId>,
    message: String,
}
