//! How many runs may launch at once.
//!
//! A turn is asked for, granted in order, and over when it is dropped. While the governor is
//! closed (packages are being prepared) nobody gets one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// Grants turns.
#[derive(Clone)]
pub(crate) struct Governor(Arc<Mutex<Line>>);

struct Line {
    /// Turns at once; `None` is no limit.
    limit: Option<usize>,
    taken: usize,
    is_open: bool,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// The right to launch a run; dropping it gives it back.
pub(crate) struct Turn(Governor);

impl Governor {
    /// A governor that is open.
    pub(crate) fn new(limit: Option<usize>) -> Self {
        let line = Line { limit, taken: 0, is_open: true, waiting: VecDeque::new() };
        Self(Arc::new(Mutex::new(line)))
    }

    /// Asks for a turn. Dropping the receiver leaves the line.
    pub(crate) fn ask(&self) -> oneshot::Receiver<Turn> {
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
            let _ = asker.send(Turn(self.clone()));
        }
    }

    fn next_asker(&self) -> Option<oneshot::Sender<Turn>> {
        let mut line = self.lock();
        let has_room = line.limit.is_none_or(|limit| line.taken < limit);
        if !line.is_open || !has_room {
            return None;
        }
        let asker = line.waiting.pop_front()?;
        line.taken += 1;
        Some(asker)
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
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
        let governor = Governor::new(Some(2));
        let mut asked: Vec<_> = (0..4).map(|_| governor.ask()).collect();
        let first = asked[0].try_recv().expect("a turn");
        let _second = asked[1].try_recv().expect("a turn");
        assert!(asked[2].try_recv().is_err());
        drop(first);
        let _third = asked[2].try_recv().expect("the turn that was given back");
        assert!(asked[3].try_recv().is_err());
        governor.set_limit(None);
        assert!(asked[3].try_recv().is_ok());
    }

    #[test]
    fn who_leaves_the_line_holds_nobody_up() {
        let governor = Governor::new(Some(1));
        let mut first = governor.ask();
        drop(governor.ask());
        let mut third = governor.ask();
        drop(first.try_recv().expect("a turn"));
        assert!(third.try_recv().is_ok());
    }

    #[test]
    fn a_closed_line_waits() {
        let governor = Governor::new(None);
        governor.set_open(false);
        let mut asked = governor.ask();
        assert!(asked.try_recv().is_err());
        governor.set_open(true);
        assert!(asked.try_recv().is_ok());
    }
}
