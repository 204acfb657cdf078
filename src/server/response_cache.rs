//! A cache of the two large responses: each is rendered once and shared by all requests.
//!
//! `/workers` and `/workers/status` change with the snapshot on the board; ages, counters and the
//! usage of runs also change with time. So each is rendered at most once for a change, or once a
//! second. One request renders, the others wait for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::body::Bytes;

use crate::{
    domain::{InstanceName, Snapshot, Usage, WorkerId, WorkerView},
    engine::Handle,
};

use super::wire;

/// How long a rendered response is used while the snapshot does not change; ages are shown in
/// seconds.
const MAX_AGE: Duration = Duration::from_secs(1);

/// More workers than this are rendered on a blocking thread: the response of 1,000 workers takes
/// milliseconds, in which the runtime's threads could do nothing for the workers.
const INLINE_WORKERS: usize = 64;

/// The rendered responses, and the usage of the runs.
#[derive(Default)]
pub(super) struct ResponseCache {
    workers: Slot,
    status: Slot,
    meter: Arc<tokio::sync::Mutex<Meter>>,
}

/// Which of the large responses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Large {
    Workers,
    Status,
}

#[derive(Default)]
struct Slot {
    last: Mutex<Option<Rendered>>,
    /// Held by the request that renders.
    turn: tokio::sync::Mutex<()>,
}

struct Rendered {
    /// The snapshot it shows. While it is held here, no other snapshot has its address.
    snapshot: Arc<Snapshot>,
    at: Instant,
    body: Bytes,
}

/// The usage of each run when it was last read, by worker and run.
#[derive(Default)]
pub(super) struct Meter {
    read_at: Option<Instant>,
    usage: HashMap<(WorkerId, InstanceName), Option<Usage>>,
}

impl ResponseCache {
    /// The JSON text of this response, at most a second old and never older than the snapshot.
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

    /// A text made from this snapshot and the usage of its runs.
    pub(super) async fn render(
        &self,
        handle: &Handle,
        snapshot: &Arc<Snapshot>,
        text: impl FnOnce(&Snapshot, &Meter) -> Bytes + Send + 'static,
    ) -> Bytes {
        let snapshot = Arc::clone(snapshot);
        let mut meter = Arc::clone(&self.meter).lock_owned().await;
        meter.read(handle, &snapshot).await;
        let is_long = snapshot.workers.len() > INLINE_WORKERS;
        let render = move || text(&snapshot, &meter);
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
        let is_fresh = Arc::ptr_eq(&last.snapshot, snapshot) && last.at.elapsed() < MAX_AGE;
        is_fresh.then(|| last.body.clone())
    }

    fn last(&self) -> MutexGuard<'_, Option<Rendered>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter {
    /// Reads the usage of each run. All are read once a second; runs that began since then are
    /// read now.
    async fn read(&mut self, handle: &Handle, snapshot: &Snapshot) {
        let is_stale = self.read_at.is_none_or(|at| at.elapsed() >= MAX_AGE);
        if is_stale {
            self.usage.clear();
            self.read_at = Some(Instant::now());
        }
        let keys = snapshot.workers.values().filter_map(|worker| key(worker));
        let (ids, missing): (Vec<_>, Vec<_>) = keys
            .filter(|key| !self.usage.contains_key(key))
            .map(|key| (key.0.clone(), key))
            .unzip();
        if !ids.is_empty() {
            self.usage.extend(missing.into_iter().zip(handle.usage(&ids).await));
        }
    }

    /// The usage of this worker's run.
    pub(super) fn of(&self, worker: &WorkerView) -> Option<Usage> {
        self.usage.get(&key(worker)?).copied().flatten()
    }
}

/// The run of a worker, for what it uses; `None` without one.
fn key(worker: &WorkerView) -> Option<(WorkerId, InstanceName)> {
    Some((worker.id.clone(), worker.instance.clone()?))
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
