//! The launch limiter: how many runs may launch at once.
//!
//! A launch needs a permit. Permits are granted in the order they were asked for, and returned by
//! dropping them. While the limiter is closed (packages are being prepared) it grants none.
//!
//! Under [`Concurrency::Auto`] a permit lasts until its run has a process. The next one follows at
//! once while a processor is free, so that a machine is used but not flooded: a program that loads
//! for a second on the processor holds the next launch up for [`PACE`] only.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::oneshot};

use crate::{domain::Concurrency, procfs, sync::lock};

/// The longest pause between two launches under [`Concurrency::Auto`]. The figure is the contract's.
const PACE: Duration = Duration::from_millis(250);

/// How long a launch without a process may hold a permit: one that hangs keeps nobody else from
/// launching, and it uses no processor.
pub(crate) const HANGING: Duration = PACE;

/// How often it is asked within that pause whether a processor is free.
const LOOK: Duration = Duration::from_millis(10);

/// Grants permits. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LaunchLimiter(Arc<Inner>);

struct Inner {
    queue: Mutex<Queue>,
    has_free_processor: fn() -> bool,
}

struct Queue {
    limit: Concurrency,
    taken: usize,
    is_open: bool,
    waiting: VecDeque<oneshot::Sender<Permit>>,
    /// When the last permit was granted.
    last: Option<Instant>,
    /// Whether a task is about to look again.
    is_pacing: bool,
}

/// The right to launch a run; dropping it gives it back.
pub(crate) struct Permit {
    limiter: LaunchLimiter,
    ends_at_spawn: bool,
}

/// The permit of one run, for its worker's task and its own: whoever sees first that it is over
/// gives it back. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SharedPermit(Arc<Mutex<Option<Permit>>>);

impl SharedPermit {
    pub(crate) fn new(permit: Option<Permit>) -> Self {
        Self(Arc::new(Mutex::new(permit)))
    }

    /// Gives it back.
    pub(crate) fn give_back(&self) {
        let permit = lock(&self.0).take();
        // Dropped here, without the lock.
        drop(permit);
    }

    /// The run has a process: gives the permit back if it lasts until then.
    pub(crate) fn give_back_at_spawn(&self) {
        let permit = lock(&self.0).take_if(|permit| permit.ends_at_spawn);
        drop(permit);
    }
}

/// Whether a permit may be granted.
enum Turn {
    Now(oneshot::Sender<Permit>, bool),
    /// Not yet, but soon without anything else happening.
    Soon,
    /// Not before something happens.
    Never,
}

impl LaunchLimiter {
    /// A limiter that is open.
    pub(crate) fn new(limit: Concurrency) -> Self {
        Self::with_probe(limit, has_free_processor)
    }

    fn with_probe(limit: Concurrency, has_free_processor: fn() -> bool) -> Self {
        let queue = Queue {
            limit,
            taken: 0,
            is_open: true,
            waiting: VecDeque::new(),
            last: None,
            is_pacing: false,
        };
        Self(Arc::new(Inner { queue: Mutex::new(queue), has_free_processor }))
    }

    /// Asks for a permit. Dropping the receiver leaves the queue.
    pub(crate) fn ask(&self) -> oneshot::Receiver<Permit> {
        let (permit, receiver) = oneshot::channel();
        self.lock().waiting.push_back(permit);
        self.grant();
        receiver
    }

    /// Changes the limit; permits that were granted stay granted.
    pub(crate) fn set_limit(&self, limit: Concurrency) {
        self.lock().limit = limit;
        self.grant();
    }

    /// Grants permits again.
    pub(crate) fn open(&self) {
        self.lock().is_open = true;
        self.grant();
    }

    /// Grants no permit until it is opened.
    pub(crate) fn close(&self) {
        self.lock().is_open = false;
    }

    fn grant(&self) {
        loop {
            match self.turn() {
                // If the asker is gone, the permit is dropped within `send`, which locks the queue
                // again: so the lock must be released here.
                Turn::Now(asker, ends_at_spawn) => {
                    let _ = asker.send(Permit { limiter: self.clone(), ends_at_spawn });
                }
                Turn::Soon => return self.look_again(),
                Turn::Never => return,
            }
        }
    }

    fn turn(&self) -> Turn {
        let mut queue = self.lock();
        // Those that are gone must not use up a pause.
        queue.waiting.retain(|asker| !asker.is_closed());
        if !queue.is_open || queue.waiting.is_empty() {
            return Turn::Never;
        }
        let has_room = match queue.limit {
            Concurrency::Unlimited => true,
            Concurrency::AtMost(limit) => queue.taken < limit,
            Concurrency::Auto => queue.taken == 0,
        };
        if !has_room {
            return Turn::Never;
        }
        let is_auto = queue.limit == Concurrency::Auto;
        let is_early = queue.last.is_some_and(|last| last.elapsed() < PACE);
        if is_auto && is_early && !(self.0.has_free_processor)() {
            return Turn::Soon;
        }
        match queue.waiting.pop_front() {
            Some(asker) => {
                queue.taken += 1;
                queue.last = Some(Instant::now());
                Turn::Now(asker, is_auto)
            }
            None => Turn::Never,
        }
    }

    /// Grants what may be granted, in a moment.
    fn look_again(&self) {
        // Without a runtime arcanos has ended.
        let Ok(runtime) = Handle::try_current() else { return };
        if std::mem::replace(&mut self.lock().is_pacing, true) {
            return;
        }
        let limiter = self.clone();
        runtime.spawn(async move {
            tokio::time::sleep(LOOK).await;
            limiter.lock().is_pacing = false;
            limiter.grant();
        });
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.0.queue)
    }
}

/// Whether fewer threads can run than there are processors, apart from the one that asks. A system
/// that does not say counts as busy.
fn has_free_processor() -> bool {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    procfs::runnable().is_some_and(|count| count.saturating_sub(1) < processors)
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.lock().taken -= 1;
        self.limiter.grant();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_granted_in_order_up_to_the_limit() {
        let launch_limiter = LaunchLimiter::new(Concurrency::AtMost(2));
        let mut asked: Vec<_> = (0..4).map(|_| launch_limiter.ask()).collect();
        let first = asked[0].try_recv().expect("a permit");
        let _second = asked[1].try_recv().expect("a permit");
        assert!(asked[2].try_recv().is_err());
        drop(first);
        let _third = asked[2].try_recv().expect("the permit that was given back");
        assert!(asked[3].try_recv().is_err());
        launch_limiter.set_limit(Concurrency::Unlimited);
        assert!(asked[3].try_recv().is_ok());
    }

    #[test]
    fn an_asker_that_is_gone_holds_nobody_up() {
        let launch_limiter = LaunchLimiter::new(Concurrency::AtMost(1));
        let mut first = launch_limiter.ask();
        drop(launch_limiter.ask());
        let mut third = launch_limiter.ask();
        drop(first.try_recv().expect("a permit"));
        assert!(third.try_recv().is_ok());
    }

    #[test]
    fn a_closed_limiter_grants_nothing() {
        let launch_limiter = LaunchLimiter::new(Concurrency::Unlimited);
        launch_limiter.close();
        let mut asked = launch_limiter.ask();
        assert!(asked.try_recv().is_err());
        launch_limiter.open();
        assert!(asked.try_recv().is_ok());
    }

    #[test]
    fn by_auto_one_follows_the_other_while_a_processor_is_free() {
        let limiter = LaunchLimiter::with_probe(Concurrency::Auto, || true);
        let mut asked: Vec<_> = (0..2).map(|_| limiter.ask()).collect();
        let first = asked[0].try_recv().expect("a permit");
        assert!(first.ends_at_spawn);
        assert!(asked[1].try_recv().is_err(), "the first has no process yet");
        drop(first);
        assert!(asked[1].try_recv().is_ok());
    }

    #[tokio::test]
    async fn by_auto_a_busy_machine_gets_one_in_a_while() {
        let limiter = LaunchLimiter::with_probe(Concurrency::Auto, || false);
        let start = Instant::now();
        for _ in 0..3 {
            let asked = tokio::time::timeout(Duration::from_secs(30), limiter.ask()).await;
            drop(asked.expect("its turn comes").expect("a permit"));
        }
        assert!(start.elapsed() >= 2 * PACE, "{:?}", start.elapsed());
    }
}
