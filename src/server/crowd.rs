//! The connections there are, and who goes when there is no room.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::pulse::{ConnectionState, Timeouts};

/// All connections that were not asked to leave yet.
#[derive(Debug)]
pub(super) struct ConnectionPool {
    patience: Timeouts,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    present: HashMap<u64, Arc<ConnectionState>>,
}

/// A moment, in the order in which connections came.
#[derive(Debug)]
pub(super) struct Mark(u64);

/// A connection's place in the crowd, until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionGuard {
    crowd: Arc<ConnectionPool>,
    number: u64,
    pub(super) pulse: Arc<ConnectionState>,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.crowd.lock().present.remove(&self.number);
    }
}

impl ConnectionPool {
    /// An empty one, whose members may take this long.
    pub(super) fn new(patience: Timeouts) -> Self {
        Self { patience, inner: Mutex::default() }
    }

    /// A place for a new connection, where the longest idle one goes if there are `cap` already,
    /// else the one whose request has been coming for the longest. `None` if all have asked for
    /// something.
    pub(super) fn admit(self: &Arc<Self>, cap: usize) -> Option<ConnectionGuard> {
        let mut inner = self.lock();
        while inner.present.len() >= cap {
            if !inner.make_room() {
                return None;
            }
        }
        let number = inner.next;
        inner.next += 1;
        let pulse = Arc::new(ConnectionState::new(Instant::now(), self.patience));
        inner.present.insert(number, Arc::clone(&pulse));
        Some(ConnectionGuard { crowd: Arc::clone(self), number, pulse })
    }

    /// Lets idle ones go until there are at most `cap`, or none is idle.
    pub(super) fn shrink(&self, cap: usize) {
        let mut inner = self.lock();
        while inner.present.len() > cap && inner.dismiss_longest_idle() {}
    }

    /// Lets the longest idle one go, else the slowest to ask; says whether there was one.
    pub(super) fn make_room(&self) -> bool {
        self.lock().make_room()
    }

    /// Lets all go, each once it has answered what it is at.
    pub(super) fn dismiss_all(&self) {
        for (_, pulse) in self.lock().present.drain() {
            pulse.close_when_idle();
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
                pulse.close_when_idle();
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
    /// Clients that never finish their requests hold places for [`Timeouts::request`] each: they
    /// must not keep out those who ask something, whose requests come in a packet or two.
    fn make_room(&mut self) -> bool {
        self.dismiss_longest_idle() || self.oust_slowest()
    }

    fn dismiss_longest_idle(&mut self) -> bool {
        let idle = self.remove_earliest(ConnectionState::idle_since);
        idle.inspect(|pulse| pulse.close_when_idle()).is_some()
    }

    fn oust_slowest(&mut self) -> bool {
        let slowest = self.remove_earliest(ConnectionState::reading_since);
        slowest.inspect(|pulse| pulse.evict()).is_some()
    }

    fn remove_earliest(
        &mut self,
        at: impl Fn(&ConnectionState) -> Option<Instant>,
    ) -> Option<Arc<ConnectionState>> {
        let dated = self.present.iter().filter_map(|(n, pulse)| at(pulse).map(|at| (at, *n)));
        let (_, number) = dated.min()?;
        self.present.remove(&number)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn those_who_come_after_a_mark_stay() {
        let crowd = Arc::new(ConnectionPool::new(Timeouts::default()));
        let old = crowd.admit(9).expect("there is room");
        let mark = crowd.mark();
        let new = crowd.admit(9).expect("there is room");
        crowd.dismiss_before(&mark);
        assert!(old.pulse.is_dismissed(Waker::noop()));
        assert!(!new.pulse.is_dismissed(Waker::noop()));
    }

    #[test]
    fn the_longest_idle_goes_first_and_busy_ones_stay() {
        let crowd = Arc::new(ConnectionPool::new(Timeouts::default()));
        let seats: Vec<ConnectionGuard> =
            (0..3).map(|_| crowd.admit(3).expect("there is room")).collect();
        seats[0].pulse.received();
        let gone = |seat: &ConnectionGuard| seat.pulse.is_dismissed(Waker::noop());
        let fourth = crowd.admit(3).expect("the second one makes room");
        assert_eq!(seats.iter().map(gone).collect::<Vec<_>>(), [false, true, false]);
        seats[2].pulse.received();
        fourth.pulse.received();
        assert!(crowd.admit(3).is_none(), "all are at something");
        drop(fourth);
        assert!(crowd.admit(3).is_some(), "a place is free again");
    }

    #[test]
    fn the_request_that_has_been_coming_for_the_longest_goes_where_none_is_idle() {
        let crowd = Arc::new(ConnectionPool::new(Timeouts::default()));
        let seats: Vec<ConnectionGuard> =
            (0..3).map(|_| crowd.admit(3).expect("there is room")).collect();
        seats[0].pulse.received();
        seats[1].pulse.arrived();
        seats[2].pulse.arrived();
        let ousted = |seat: &ConnectionGuard| seat.pulse.is_ousted();
        let fourth = crowd.admit(3).expect("the second one makes room");
        assert_eq!(seats.iter().map(ousted).collect::<Vec<_>>(), [false, true, false]);
        assert!(seats[1].pulse.is_dismissed(Waker::noop()), "it is woken");
        fourth.pulse.received();
        crowd.admit(3).expect("the third one makes room").pulse.received();
        seats[2].pulse.received();
        assert!(!ousted(&seats[2]), "its request came just in time and is answered");
    }

    #[test]
    fn a_lower_cap_lets_only_idle_ones_go() {
        let crowd = Arc::new(ConnectionPool::new(Timeouts::default()));
        let seats: Vec<ConnectionGuard> =
            (0..4).map(|_| crowd.admit(9).expect("there is room")).collect();
        seats[0].pulse.received();
        crowd.shrink(2);
        let gone = |seat: &ConnectionGuard| seat.pulse.is_dismissed(Waker::noop());
        assert_eq!(seats.iter().map(gone).collect::<Vec<_>>(), [false, true, true, false]);
        crowd.shrink(0);
        assert!(!gone(&seats[0]), "it is at something");
    }
}
