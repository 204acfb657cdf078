//! The thread that looks at the disk.
//!
//! It looks when it is asked to, and says what it saw. Between whiles, at every interval, it finds
//! out whether all is still as it was left; only if that is not so does it wake anybody: a
//! supervisor at rest costs one wake-up an interval.
//!
//! Channels: `orders` to the thread, from the reconciler alone; with each order to look, the way
//! back of what was seen.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::observer::{Observation, Observer};
use crate::{
    domain::WorkerSpec,
    files::{ChangedPaths, QUIET, Rescan, WatchMode, Watcher},
};

/// Orders that may wait: the reconciler awaits what it asked for before it asks again, and may say
/// another interval besides.
const REQUESTS: usize = 2;

/// The stack of the thread, in bytes: it reads configs, whose parser recurses.
const STACK_SIZE: usize = 2 << 20;

/// When what had just changed is looked at once more: then it is quiet, with room to spare.
const SETTLED: Duration = QUIET.saturating_mul(2);

/// How long after a look memory is given back: by then workers that were started are up, and logs
/// that nobody writes to are closed.
const TRIM_AFTER: Duration = Duration::from_secs(7);

/// How often memory is given back while nothing is looked at: whatever else was done meanwhile, as
/// answers to clients, is unknown here.
const TRIM_INTERVAL: Duration = Duration::from_secs(600);

/// How often to look while something is wrong with config or folder: they may come back with a
/// folder far above them, of which no event tells.
const PROBLEM_INTERVAL: Duration = Duration::from_secs(1);

/// Has the disk looked at. Dropping it ends the thread, after the look that may be under way.
pub(in crate::engine) struct ObserverThread {
    requests: SyncSender<ObserverRequest>,
    schedule: PollSchedule,
}

/// When it looks without being asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct PollSchedule {
    /// How long it waits between whiles.
    pub(in crate::engine) interval: Duration,
    /// Whether it looks once more at what had just changed: where there are no events, only the
    /// interval counts.
    pub(in crate::engine) looks_twice: bool,
    /// Whether nobody is woken while all is as it was left. Where events are missing against the
    /// owner's will, every interval is a try to have them again.
    pub(in crate::engine) is_quiet: bool,
}

enum ObserverRequest {
    LoadOutcome {
        running: Vec<Arc<WorkerSpec>>,
        changed: ChangedPaths,
        reply: oneshot::Sender<Observation>,
    },
    PollSchedule(PollSchedule),
    /// Hand out a copy of what looks, with all that it knows.
    Copy(oneshot::Sender<Observer>),
}

/// The thread has ended, by a mistake in arcanos.
#[derive(Debug)]
pub(in crate::engine) struct ObserverGone;

impl PollSchedule {
    /// As changes are noticed now. `is_amiss`: whether config or folder cannot be followed.
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
    /// Posts one, who calls `rescan` when something changed that nobody had told of.
    ///
    /// # Errors
    /// The machine has no thread for it.
    pub(in crate::engine) fn start(
        observer: Observer,
        rescan: Rescan,
        schedule: PollSchedule,
        give_memory_back: fn(),
    ) -> io::Result<Self> {
        let (requests, queue) = sync_channel(REQUESTS);
        thread::Builder::new().name("arcanos-look".to_owned()).stack_size(STACK_SIZE).spawn(
            move || {
                watch(observer, &rescan, MemoryTrimmer::new(give_memory_back), schedule, &queue)
            },
        )?;
        Ok(Self { requests, schedule })
    }

    /// Looks. `running` is what runs now, in order of ids; `news` is what has been told since the
    /// last look.
    pub(in crate::engine) async fn look(
        &self,
        running: Vec<Arc<WorkerSpec>>,
        changed: ChangedPaths,
    ) -> Result<Observation, ObserverGone> {
        let (reply, observation) = oneshot::channel();
        self.requests
            .send(ObserverRequest::LoadOutcome { running, changed, reply })
            .map_err(|_| ObserverGone)?;
        observation.await.map_err(|_| ObserverGone)
    }

    /// A copy of what looks, for a look that changes nothing.
    pub(in crate::engine) async fn copy(&self) -> Result<Observer, ObserverGone> {
        let (reply, observer) = oneshot::channel();
        self.requests.send(ObserverRequest::Copy(reply)).map_err(|_| ObserverGone)?;
        observer.await.map_err(|_| ObserverGone)
    }

    /// When it looks without being asked to, from now on.
    pub(in crate::engine) fn set_schedule(&mut self, schedule: PollSchedule) {
        if self.schedule != schedule {
            self.schedule = schedule;
            // A thread that has ended is noticed at the next look.
            let _ = self.requests.send(ObserverRequest::PollSchedule(schedule));
        }
    }
}

/// The thread's life.
fn watch(
    mut observer: Observer,
    rescan: &Rescan,
    mut trimmer: MemoryTrimmer,
    mut schedule: PollSchedule,
    requests: &Receiver<ObserverRequest>,
) {
    let mut due = Instant::now() + schedule.interval;
    loop {
        let next = trimmer.due.map_or(due, |trim| trim.min(due));
        match requests.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(ObserverRequest::LoadOutcome { running, changed, reply }) => {
                // Who asked may be gone, as arcanos ends.
                let _ = reply.send(observer.look(running, changed));
                trimmer.trim_soon();
                if schedule.looks_twice && observer.is_fresh() {
                    due = Instant::now() + SETTLED;
                    continue;
                }
            }
            Ok(ObserverRequest::PollSchedule(new)) => {
                schedule = new;
                // The second look that may be due soon is not put off by it.
                if schedule.looks_twice && observer.is_fresh() {
                    continue;
                }
            }
            Ok(ObserverRequest::Copy(reply)) => {
                // As above. It is no look: the interval goes on.
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
            Err(RecvTimeoutError::Timeout) if schedule.is_quiet && observer.is_as_left() => {
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

    /// Something was done; what that took is given back once it is over.
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
