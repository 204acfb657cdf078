//! The launch limiter: how many runs may launch at once.
//!
//! A launch needs a permit. Permits are granted in the order they were asked for, and returned by
//! dropping them. While the limiter is closed (packages are being prepared) it grants none.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::oneshot;

use crate::sync::lock;

/// Grants permits. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LaunchLimiter(Arc<Mutex<Queue>>);

struct Queue {
    /// Permits at once; `None` is no limit.
    limit: Option<usize>,
    taken: usize,
    is_open: bool,
    waiting: VecDeque<oneshot::Sender<Permit>>,
}

/// The right to launch a run; dropping it gives it back.
pub(crate) struct Permit(LaunchLimiter);

impl LaunchLimiter {
    /// A limiter that is open.
    pub(crate) fn new(limit: Option<usize>) -> Self {
        let queue = Queue { limit, taken: 0, is_open: true, waiting: VecDeque::new() };
        Self(Arc::new(Mutex::new(queue)))
    }

    /// Asks for a permit. Dropping the receiver leaves the queue.
    pub(crate) fn ask(&self) -> oneshot::Receiver<Permit> {
        let (permit, receiver) = oneshot::channel();
        self.lock().waiting.push_back(permit);
        self.grant();
        receiver
    }

    /// Changes the limit; permits that were granted stay granted.
    pub(crate) fn set_limit(&self, limit: Option<usize>) {
        self.lock().limit = limit;
        self.grant();
    }

    /// Opens or closes the limiter.
    pub(crate) fn set_open(&self, is_open: bool) {
        self.lock().is_open = is_open;
        self.grant();
    }

    fn grant(&self) {
        // If the asker is gone, the permit is dropped within `send`, which locks the queue again:
        // so the lock must be released here.
        while let Some(asker) = self.next_asker() {
            let _ = asker.send(Permit(self.clone()));
        }
    }

    fn next_asker(&self) -> Option<oneshot::Sender<Permit>> {
        let mut queue = self.lock();
        let has_room = queue.limit.is_none_or(|limit| queue.taken < limit);
        if !queue.is_open || !has_room {
            return None;
        }
        let asker = queue.waiting.pop_front()?;
        queue.taken += 1;
        Some(asker)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.0)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.lock().taken -= 1;
        self.0.grant();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_granted_in_order_up_to_the_limit() {
        let launch_limiter = LaunchLimiter::new(Some(2));
        let mut asked: Vec<_> = (0..4).map(|_| launch_limiter.ask()).collect();
        let first = asked[0].try_recv().expect("a permit");
        let _second = asked[1].try_recv().expect("a permit");
        assert!(asked[2].try_recv().is_err());
        drop(first);
        let _third = asked[2].try_recv().expect("the permit that was given back");
        assert!(asked[3].try_recv().is_err());
        launch_limiter.set_limit(None);
        assert!(asked[3].try_recv().is_ok());
    }

    #[test]
    fn an_asker_that_is_gone_holds_nobody_up() {
        let launch_limiter = LaunchLimiter::new(Some(1));
        let mut first = launch_limiter.ask();
        drop(launch_limiter.ask());
        let mut third = launch_limiter.ask();
        drop(first.try_recv().expect("a permit"));
        assert!(third.try_recv().is_ok());
    }

    #[test]
    fn a_closed_limiter_grants_nothing() {
        let launch_limiter = LaunchLimiter::new(None);
        launch_limiter.set_open(false);
        let mut asked = launch_limiter.ask();
        assert!(asked.try_recv().is_err());
        launch_limiter.set_open(true);
        assert!(asked.try_recv().is_ok());
    }
}
