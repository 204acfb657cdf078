//! The spawning threads: one, until a launch holds it up; then another one takes over.
//!
//! A thread that is held up is not ended, since the death signal of its children is bound to it. It
//! takes part again once its launch has come to an end.

use std::{
    io,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{cgroup::Cgroups, leader::SpawnRequest, spawn_thread::SpawnThread};
use crate::sync::lock;

/// Spawns that may wait for a thread; more wait in their callers.
const QUEUE: usize = 64;

/// How long no thread may take or end a launch before the crew gets another thread. A launch takes
/// a millisecond, on a machine that is busy some tens.
pub(super) const HELD_UP: Duration = Duration::from_millis(50);

/// The most threads. Each beyond the first stands for a launch that hangs, of which a worker has
/// one at a time.
const MOST_THREADS: usize = 64;

/// The stack of a thread, in bytes; children have another.
const STACK_SIZE: usize = 256 * 1024;

/// The threads that make all children.
pub(super) struct SpawnCrew {
    queue: Mutex<mpsc::Receiver<SpawnRequest>>,
    progress: Mutex<Progress>,
    cgroups: Arc<Mutex<Cgroups>>,
}

/// How the threads get on.
struct Progress {
    n_threads: usize,
    n_busy: usize,
    /// When one last took or ended a launch, or was added.
    last: Instant,
}

impl SpawnCrew {
    /// Starts the first thread. The threads end when the last sender is dropped.
    pub(super) fn start() -> io::Result<(Arc<Self>, mpsc::Sender<SpawnRequest>)> {
        let (requests, queue) = mpsc::channel(QUEUE);
        let progress = Progress { n_threads: 0, n_busy: 0, last: Instant::now() };
        let crew = Arc::new(Self {
            queue: queue.into(),
            progress: progress.into(),
            cgroups: Arc::default(),
        });
        crew.add_thread()?;
        Ok((crew, requests))
    }

    /// Adds a thread if all are held up by their launches. For callers whose launch has waited
    /// for [`HELD_UP`].
    pub(super) fn relieve(self: &Arc<Self>) {
        let is_held_up = {
            let progress = lock(&self.progress);
            let Progress { n_threads, n_busy, last } = *progress;
            n_busy >= n_threads && n_threads < MOST_THREADS && last.elapsed() >= HELD_UP
        };
        if is_held_up && let Err(error) = self.add_thread() {
            tracing::warn!(%error, "Launches hang, and no other thread can take over.");
        }
    }

    fn add_thread(self: &Arc<Self>) -> io::Result<()> {
        let spawn_thread = SpawnThread::new(Arc::clone(&self.cgroups))?;
        let crew = Arc::clone(self);
        let name = "arcanos-spawn".to_owned();
        let thread = thread::Builder::new().name(name).stack_size(STACK_SIZE);
        thread.spawn(move || crew.work(spawn_thread))?;
        let mut progress = lock(&self.progress);
        progress.n_threads += 1;
        progress.last = Instant::now();
        Ok(())
    }

    /// Spawns for as long as anybody can ask for it.
    fn work(&self, mut spawn_thread: SpawnThread) {
        loop {
            // Whoever waits for a request holds the queue; the others wait for the queue.
            let request = lock(&self.queue).blocking_recv();
            let Some(request) = request else { return };
            self.note(|progress| progress.n_busy += 1);
            spawn_thread.answer(request);
            self.note(|progress| progress.n_busy -= 1);
        }
    }

    /// Has the first thread count as one that a launch holds up.
    #[cfg(test)]
    pub(super) fn hold_up(&self) {
        self.note(|progress| progress.n_busy += 1);
    }

    #[cfg(test)]
    pub(super) fn n_threads(&self) -> usize {
        lock(&self.progress).n_threads
    }

    fn note(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = lock(&self.progress);
        change(&mut progress);
        progress.last = Instant::now();
    }
}
