//! The connections there are, and who goes when there is no room.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::pulse::{Patience, Pulse};

/// All connections that were not asked to leave yet.
#[derive(Debug)]
pub(super) struct Crowd {
    patience: Patience,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    present: HashMap<u64, Arc<Pulse>>,
}

/// A moment, in the order in which connections came.
#[derive(Debug)]
pub(super) struct Mark(u64);

/// A connection's place in the crowd, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Arc<Crowd>,
    number: u64,
    pub(super) pulse: Arc<Pulse>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.lock().present.remove(&self.number);
    }
}

impl Crowd {
    /// An empty one, whose members may take this long.
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, inner: Mutex::default() }
    }

    /// A place for a new connection, where the longest idle one goes if there are `cap` already.
    /// `None` if all are at something.
    pub(super) fn admit(self: &Arc<Self>, cap: usize) -> Option<Seat> {
        let mut inner = self.lock();
        while inner.present.len() >= cap {
            if !inner.dismiss_longest_idle() {
                return None;
            }
        }
        let number = inner.next;
        inner.next += 1;
        let pulse = Arc::new(Pulse::new(Instant::now(), self.patience));
        inner.present.insert(number, Arc::clone(&pulse));
        Some(Seat { crowd: Arc::clone(self), number, pulse })
    }

    /// Lets idle ones go until there are at most `cap`, or none is idle.
    pub(super) fn shrink(&self, cap: usize) {
        let mut inner = self.lock();
        while inner.present.len() > cap && inner.dismiss_longest_idle() {}
    }

    /// Lets the longest idle one go; says whether one was idle.
    pub(super) fn make_room(&self) -> bool {
        self.lock().dismiss_longest_idle()
    }

    /// Lets all go, each once it has answered what it is at.
    pub(super) fn dismiss_all(&self) {
        for (_, pulse) in self.lock().present.drain() {
            pulse.dismiss();
        }
    }

    /// A mark between those who are here and those who come later.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.lock().next)
    }

    /// Lets those go who came before the mark, each once it has answered what it is at.
    pub(super) fn dismiss_before(&self, mark: &Mark) {
        self.lock().present.retain(|number, pulse| {
            let stays = *number >= mark.0;
            if !stays {
                pulse.dismiss();
            }
            stays
        });
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing inside can leave it half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn dismiss_longest_idle(&mut self) -> bool {
        let idle = self.present.iter().filter_map(|(n, p)| p.idle_since().map(|at| (at, *n)));
        let Some((_, number)) = idle.min() else {
            return false;
        };
        if let Some(pulse) = self.present.remove(&number) {
            pulse.dismiss();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn those_who_come_after_a_mark_stay() {
        let crowd = Arc::new(Crowd::new(Patience::default()));
        let old = crowd.admit(9).expect("there is room");
        let mark = crowd.mark();
        let new = crowd.admit(9).expect("there is room");
        crowd.dismiss_before(&mark);
        assert!(old.pulse.is_dismissed(Waker::noop()));
        assert!(!new.pulse.is_dismissed(Waker::noop()));
    }

    #[test]
    fn the_longest_idle_goes_first_and_busy_ones_stay() {
        let crowd = Arc::new(Crowd::new(Patience::default()));
        let seats: Vec<Seat> = (0..3).map(|_| crowd.admit(3).expect("there is room")).collect();
        seats[0].pulse.received();
        let gone = |seat: &Seat| seat.pulse.is_dismissed(Waker::noop());
        let fourth = crowd.admit(3).expect("the second one makes room");
        assert_eq!(seats.iter().map(gone).collect::<Vec<_>>(), [false, true, false]);
        seats[2].pulse.received();
        fourth.pulse.received();
        assert!(crowd.admit(3).is_none(), "all are at something");
        drop(fourth);
        assert!(crowd.admit(3).is_some(), "a place is free again");
    }

    #[test]
    fn a_lower_cap_lets_only_idle_ones_go() {
        let crowd = Arc::new(Crowd::new(Patience::default()));
        let seats: Vec<Seat> = (0..4).map(|_| crowd.admit(9).expect("there is room")).collect();
        seats[0].pulse.received();
        crowd.shrink(2);
        let gone = |seat: &Seat| seat.pulse.is_dismissed(Waker::noop());
        assert_eq!(seats.iter().map(gone).collect::<Vec<_>>(), [false, true, true, false]);
        crowd.shrink(0);
        assert!(!gone(&seats[0]), "it is at something");
    }
}
