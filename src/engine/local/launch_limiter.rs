//! How many runs may launch at once.
//!
//! A turn is asked for, granted in order, and over when it is dropped. While the launch_limiter is
//! closed (packages are being prepared) nobody gets one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::oneshot;

use crate::sync::lock;

/// Grants turns.
#[derive(Clone)]
pub(crate) struct LaunchLimiter(Arc<Mutex<Queue>>);

struct Queue {
    /// Turns at once; `None` is no limit.
    limit: Option<usize>,
    taken: usize,
    is_open: bool,
    waiting: VecDeque<oneshot::Sender<Permit>>,
}

/// The right to launch a run; dropping it gives it back.
pub(crate) struct Permit(LaunchLimiter);

impl LaunchLimiter {
    /// A launch_limiter that is open.
    pub(crate) fn new(limit: Option<usize>) -> Self {
        let line = Queue { limit, taken: 0, is_open: true, waiting: VecDeque::new() };
        Self(Arc::new(Mutex::new(line)))
    }

    /// Asks for a turn. Dropping the receiver leaves the line.
    pub(crate) fn ask(&self) -> oneshot::Receiver<Permit> {
        let (turn, receiver) = oneshot::channel();
        self.lock().waiting.push_back(turn);
        self.grant();
        receiver
    }

    /// Changes the limit; turns that are out stay out.
    pub(crate) fn set_limit(&self, limit: Option<usize>) {
        self.lock().limit = limit;
        self.grant();
    }

    /// Opens or closes the line.
    pub(crate) fn set_open(&self, is_open: bool) {
        self.lock().is_open = is_open;
        self.grant();
    }

    fn grant(&self) {
        // A turn that its asker no longer wants comes back at once and locks again: so it is sent
        // with the lock released.
        while let Some(asker) = self.next_asker() {
            let _ = asker.send(Permit(self.clone()));
        }
    }

    fn next_asker(&self) -> Option<oneshot::Sender<Permit>> {
        let mut line = self.lock();
        let has_room = line.limit.is_none_or(|limit| line.taken < limit);
        if !line.is_open || !has_room {
            return None;
        }
        let asker = line.waiting.pop_front()?;
        line.taken += 1;
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
    fn turns_are_granted_in_order_up_to_the_limit() {
        let launch_limiter = LaunchLimiter::new(Some(2));
        let mut asked: Vec<_> = (0..4).map(|_| launch_limiter.ask()).collect();
        let first = asked[0].try_recv().expect("a turn");
        let _second = asked[1].try_recv().expect("a turn");
        assert!(asked[2].try_recv().is_err());
        drop(first);
        let _third = asked[2].try_recv().expect("the turn that was given back");
        assert!(asked[3].try_recv().is_err());
        launch_limiter.set_limit(None);
        assert!(asked[3].try_recv().is_ok());
    }

    #[test]
    fn who_leaves_the_line_holds_nobody_up() {
        let launch_limiter = LaunchLimiter::new(Some(1));
        let mut first = launch_limiter.ask();
        drop(launch_limiter.ask());
        let mut third = launch_limiter.ask();
        drop(first.try_recv().expect("a turn"));
        assert!(third.try_recv().is_ok());
    }

    #[test]
    fn a_closed_line_waits() {
        let launch_limiter = LaunchLimiter::new(None);
        launch_limiter.set_open(false);
        let mut asked = launch_limiter.ask();
        assert!(asked.try_recv().is_err());
        launch_limiter.set_open(true);
        assert!(asked.try_recv().is_ok());
    }
}
