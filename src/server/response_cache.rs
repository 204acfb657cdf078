//! The two large answers, rendered once for all who ask.
//!
//! `/workers` and `/workers/status` change only with the snapshot on the board, and, for ages,
//! counters and what runs use, with time. So each is rendered at most once a change, or once a
//! second, and shared by all requests. One request renders, the others wait for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::body::Bytes;

use crate::{
    domain::{Snapshot, Usage, WorkerId, WorkerView},
    engine::Handle,
};

use super::wire;

/// How long a rendered answer holds while the snapshot stands still; ages are shown in seconds.
const FRESH: Duration = Duration::from_secs(1);

/// More workers than this are rendered on a thread of their own: reading what 64 runs use takes
/// about a millisecond, and the runtime's threads have workers to look after.
const MANY: usize = 64;

/// The rendered answers, and what runs use.
#[derive(Default)]
pub(super) struct ResponseCache {
    workers: Slot,
    status: Slot,
    meter: Arc<Mutex<Meter>>,
}

/// Which of the large answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Large {
    Workers,
    Status,
}

#[derive(Default)]
struct Slot {
    last: Mutex<Option<Rendered>>,
    /// Held by the one who renders.
    turn: tokio::sync::Mutex<()>,
}

struct Rendered {
    /// The snapshot it shows. While it is held here, its address stands for it.
    snapshot: Arc<Snapshot>,
    at: Instant,
    body: Bytes,
}

/// What runs used when they were last asked, by worker and pid.
#[derive(Default)]
pub(super) struct Meter {
    read_at: Option<Instant>,
    usage: HashMap<(WorkerId, u32), Option<Usage>>,
}

impl ResponseCache {
    /// The JSON text of this answer, at most a second old and never older than the snapshot.
    pub(super) async fn body(&self, large: Large, handle: &Handle) -> Bytes {
        let slot = match large {
            Large::Workers => &self.workers,
            Large::Status => &self.status,
        };
        if let Some(body) = slot.fresh(&handle.snapshot()) {
            return body;
        }
        let _turn = slot.turn.lock().await;
        let snapshot = handle.snapshot();
        if let Some(body) = slot.fresh(&snapshot) {
            return body;
        }
        let at = Instant::now();
        let text = move |snapshot: &Snapshot, meter: &Meter| json(large, snapshot, meter);
        let body = self.render(handle, &snapshot, text).await;
        *slot.last() = Some(Rendered { snapshot, at, body: body.clone() });
        body
    }

    /// A text made from this snapshot and from what its runs use.
    pub(super) async fn render(
        &self,
        handle: &Handle,
        snapshot: &Arc<Snapshot>,
        text: impl FnOnce(&Snapshot, &Meter) -> Bytes + Send + 'static,
    ) -> Bytes {
        let (snapshot, handle, meter) =
            (Arc::clone(snapshot), handle.clone(), Arc::clone(&self.meter));
        let is_long = snapshot.workers.len() > MANY;
        let render = move || {
            let mut meter = meter.lock().unwrap_or_else(PoisonError::into_inner);
            text(&snapshot, meter.read(&handle, &snapshot))
        };
        match is_long {
            false => render(),
            true => match tokio::task::spawn_blocking(render).await {
                Ok(text) => text,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
        }
    }
}

impl Slot {
    fn fresh(&self, snapshot: &Arc<Snapshot>) -> Option<Bytes> {
        let last = self.last();
        let last = last.as_ref()?;
        let is_fresh = Arc::ptr_eq(&last.snapshot, snapshot) && last.at.elapsed() < FRESH;
        is_fresh.then(|| last.body.clone())
    }

    fn last(&self) -> MutexGuard<'_, Option<Rendered>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter {
    /// What each run uses. Read anew once a second; runs that are newer than that are read now.
    fn read(&mut self, handle: &Handle, snapshot: &Snapshot) -> &Self {
        let is_stale = self.read_at.is_none_or(|at| at.elapsed() >= FRESH);
        if is_stale {
            self.usage.clear();
            self.read_at = Some(Instant::now());
        }
        for worker in snapshot.workers.values() {
            if let Some(pid) = worker.pid {
                let key = (worker.id.clone(), pid);
                self.usage.entry(key).or_insert_with(|| handle.usage(&worker.id));
            }
        }
        self
    }

    /// What the run of this worker uses.
    pub(super) fn of(&self, worker: &WorkerView) -> Option<Usage> {
        self.usage.get(&(worker.id.clone(), worker.pid?)).copied().flatten()
    }
}

fn json(large: Large, snapshot: &Snapshot, meter: &Meter) -> Bytes {
    let now = Instant::now();
    let workers = snapshot
        .workers
        .values()
        .map(|view| wire::Worker::new(view, meter.of(view), now))
        .collect();
    let text = match large {
        Large::Workers => serde_json::to_vec(&wire::Workers { workers }),
        Large::Status => serde_json::to_vec(&wire::Status::new(snapshot, workers, now)),
    };
    text.expect("the shapes have text keys only").into()
}
