//! The observer thread: reads the disk for the reconciler.
//!
//! It reads when the reconciler asks, and answers with an observation. At every interval it checks
//! whether everything is as the last observation left it, and wakes the reconciler only if not: a
//! supervisor at rest costs one wake-up an interval.
//!
//! Channels: `requests` to the thread, from the reconciler alone, each with the way back of its
//! answer.

use std::{
    io,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    disk_timer::DiskTimer,
    observer::{Observation, Observer},
};
use crate::{
    domain::WorkerSpec,
    files::{ChangedPaths, QUIET, Rescan, WatchList, WatchMode, Watcher},
    sync::lock,
};

/// Requests that may wait: the reconciler awaits each observation before it asks for the next, and
/// may send another schedule besides.
const REQUESTS: usize = 2;

/// The stack of the thread, in bytes: it reads configs, whose parser recurses.
const STACK_SIZE: usize = 2 << 20;

/// When files that had just changed are read once more: by then no further write can hide in the
/// same tick of the file system's clock, with room to spare.
const SETTLED: Duration = QUIET.saturating_mul(2);

/// How long after an observation memory is given back: by then workers that were started are up,
/// and logs that nobody writes to are closed.
const TRIM_AFTER: Duration = Duration::from_secs(7);

/// How often memory is given back while nothing changes: other work, as answers to clients, takes
/// memory too, and this thread does not know of it.
const TRIM_INTERVAL: Duration = Duration::from_secs(600);

/// How often to read the disk while config or folder cannot be read: they may come back with a
/// folder far above them, which is not watched.
const PROBLEM_INTERVAL: Duration = Duration::from_secs(1);

/// Sends requests to the thread. Dropping it ends the thread, after the observation that may be
/// under way.
pub(in crate::engine) struct ObserverThread {
    requests: SyncSender<ObserverRequest>,
    schedule: PollSchedule,
}

/// When the thread acts without being asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct PollSchedule {
    /// How long it waits between two checks.
    pub(in crate::engine) interval: Duration,
    /// Whether it reads files that had just changed once more: where there are no events, only the
    /// interval counts.
    pub(in crate::engine) looks_twice: bool,
    /// Whether the reconciler sleeps while nothing has changed. Where watching has failed, every
    /// interval wakes it to try again.
    pub(in crate::engine) is_quiet: bool,
}

enum ObserverRequest {
    /// Read the disk.
    Look {
        running: Vec<Arc<WorkerSpec>>,
        changed: ChangedPaths,
        reply: oneshot::Sender<Observation>,
    },
    /// Watch these folders from now on.
    Watch { watcher: Arc<Mutex<Watcher>>, list: WatchList, done: oneshot::Sender<()> },
    /// Act by another schedule from now on.
    Schedule(PollSchedule),
    /// Send a copy of the observer, with all that it knows.
    Copy(oneshot::Sender<Observer>),
}

/// What the thread acts on beside the observer.
pub(in crate::engine) struct Tools {
    /// Wakes the reconciler when the thread finds a change that no event reported.
    pub(in crate::engine) rescan: Rescan,
    /// Shows that the disk hangs.
    pub(in crate::engine) disk_timer: Arc<DiskTimer>,
    /// Gives memory back to the system in quiet moments.
    pub(in crate::engine) give_memory_back: fn(),
}

/// The thread has ended, because of a bug in arcanos.
#[derive(Debug)]
pub(in crate::engine) struct ObserverGone;

impl PollSchedule {
    /// The schedule that fits how changes are noticed now. `has_problem`: config or folder cannot
    /// be read.
    pub(in crate::engine) fn of(
        watcher: &Watcher,
        scan_interval: Duration,
        has_problem: bool,
    ) -> Self {
        let interval = watcher.interval(scan_interval);
        let is_native = *watcher.mode() == WatchMode::Native;
        let is_urgent = is_native && has_problem;
        Self {
            interval: if is_urgent { interval.min(PROBLEM_INTERVAL) } else { interval },
            looks_twice: is_native,
            is_quiet: !matches!(watcher.mode(), WatchMode::Poll(Some(_))),
        }
    }
}

impl ObserverThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The machine refuses a thread.
    pub(in crate::engine) fn start(
        observer: Observer,
        schedule: PollSchedule,
        tools: Tools,
    ) -> io::Result<Self> {
        let (requests, queue) = sync_channel(REQUESTS);
        thread::Builder::new()
            .name("arcanos-look".to_owned())
            .stack_size(STACK_SIZE)
            .spawn(move || watch(observer, schedule, &tools, &queue))?;
        Ok(Self { requests, schedule })
    }

    /// Reads the disk. `running` is what runs now, in order of ids; `changed` is what events have
    /// reported since the last time.
    pub(in crate::engine) async fn look(
        &self,
        running: Vec<Arc<WorkerSpec>>,
        changed: ChangedPaths,
    ) -> Result<Observation, ObserverGone> {
        let (reply, observation) = oneshot::channel();
        self.requests
            .send(ObserverRequest::Look { running, changed, reply })
            .map_err(|_| ObserverGone)?;
        observation.await.map_err(|_| ObserverGone)
    }

    /// Has the watcher watch these folders and no others. The thread does it, since a folder may be
    /// on a disk that hangs; the watcher is locked meanwhile.
    pub(in crate::engine) async fn watch(
        &self,
        watcher: &Arc<Mutex<Watcher>>,
        list: WatchList,
    ) -> Result<(), ObserverGone> {
        let (done, is_done) = oneshot::channel();
        let watcher = Arc::clone(watcher);
        self.requests
            .send(ObserverRequest::Watch { watcher, list, done })
            .map_err(|_| ObserverGone)?;
        is_done.await.map_err(|_| ObserverGone)
    }

    /// A copy of the observer, for a preview.
    pub(in crate::engine) async fn copy(&self) -> Result<Observer, ObserverGone> {
        let (reply, observer) = oneshot::channel();
        self.requests.send(ObserverRequest::Copy(reply)).map_err(|_| ObserverGone)?;
        observer.await.map_err(|_| ObserverGone)
    }

    /// Sets when the thread acts without being asked to.
    pub(in crate::engine) fn set_schedule(&mut self, schedule: PollSchedule) {
        if self.schedule != schedule {
            self.schedule = schedule;
            // A thread that has ended is noticed by the next `look`.
            let _ = self.requests.send(ObserverRequest::Schedule(schedule));
        }
    }
}

/// The body of the thread.
fn watch(
    mut observer: Observer,
    mut schedule: PollSchedule,
    tools: &Tools,
    requests: &Receiver<ObserverRequest>,
) {
    let Tools { rescan, disk_timer, give_memory_back } = tools;
    let mut trimmer = MemoryTrimmer::new(*give_memory_back);
    let mut due = Instant::now() + schedule.interval;
    loop {
        let next = trimmer.due.map_or(due, |trim| trim.min(due));
        match requests.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(ObserverRequest::Look { running, changed, reply }) => {
                // The reconciler is gone if arcanos ends.
                let place = observer.place();
                let _ = reply.send(disk_timer.time(place, || observer.look(running, changed)));
                trimmer.trim_soon();
                if schedule.looks_twice && observer.is_fresh() {
                    due = Instant::now() + SETTLED;
                    continue;
                }
            }
            Ok(ObserverRequest::Watch { watcher, list, done }) => {
                disk_timer.time(observer.place(), || lock(&watcher).set(&list));
                let _ = done.send(());
                // Nothing was looked at, so what follows a look is not due.
                continue;
            }
            Ok(ObserverRequest::Schedule(new)) => {
                schedule = new;
                // A second reading that is due soon must not be put off by another schedule.
                if schedule.looks_twice && observer.is_fresh() {
                    continue;
                }
            }
            Ok(ObserverRequest::Copy(reply)) => {
                // A copy reads nothing: the interval goes on.
                let _ = reply.send(observer.clone());
                continue;
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() < due => {
                trimmer.trim();
                continue;
            }
            Err(RecvTimeoutError::Timeout) if schedule.looks_twice && observer.is_fresh() => {
                rescan.again()
            }
            Err(RecvTimeoutError::Timeout)
                if schedule.is_quiet
                    && disk_timer.time(observer.place(), || observer.is_as_left()) =>
            {
                trimmer.trim_now_and_then()
            }
            Err(RecvTimeoutError::Timeout) => rescan.all(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        due = Instant::now() + schedule.interval;
    }
}

/// Gives memory back in moments of rest, so that a supervisor with nothing to do is small.
///
/// This thread does it, because it needs no runtime: that alone, woken by a timer, keeps a
/// megabyte of code in memory.
struct MemoryTrimmer {
    give_memory_back: fn(),
    due: Option<Instant>,
    last: Instant,
}

impl MemoryTrimmer {
    fn new(give_memory_back: fn()) -> Self {
        Self { give_memory_back, due: None, last: Instant::now() }
    }

    /// Something was done: the memory that it took is given back once it is over.
    fn trim_soon(&mut self) {
        self.due = Some(Instant::now() + TRIM_AFTER);
    }

    fn trim(&mut self) {
        (self.give_memory_back)();
        self.due = None;
        self.last = Instant::now();
    }

    fn trim_now_and_then(&mut self) {
        if self.last.elapsed() >= TRIM_INTERVAL {
            self.trim();
        }
    }
}
