//! The pool of one server's connections, and which one has to go when there is no room.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::deadlines::{ConnectionState, Timeouts};

/// All connections that were not asked to close yet.
#[derive(Debug)]
pub(crate) struct ConnectionPool {
    timeouts: Timeouts,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    open: HashMap<u64, Arc<ConnectionState>>,
}

/// A point between two connections, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Mark(u64);

/// A connection's place in the pool; dropping it frees the place.
#[derive(Debug)]
pub(super) struct ConnectionGuard {
    pool: Arc<ConnectionPool>,
    number: u64,
    pub(super) state: Arc<ConnectionState>,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.pool.lock().open.remove(&self.number);
    }
}

impl ConnectionPool {
    /// An empty pool, whose clients may take this long.
    pub(super) fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, inner: Mutex::default() }
    }

    /// A place for a new connection. If there are `cap` already, the connection that has been idle
    /// for the longest closes, else the one whose request has been coming for the longest. `None`
    /// if all of them have a request that is being responded to.
    pub(super) fn admit(self: &Arc<Self>, cap: usize) -> Option<ConnectionGuard> {
        let mut inner = self.lock();
        while inner.open.len() >= cap {
            if !inner.make_room() {
                return None;
            }
        }
        let number = inner.next;
        inner.next += 1;
        let state = Arc::new(ConnectionState::new(Instant::now(), self.timeouts));
        inner.open.insert(number, Arc::clone(&state));
        Some(ConnectionGuard { pool: Arc::clone(self), number, state })
    }

    /// Closes idle connections until there are at most `cap`, or none is idle.
    pub(crate) fn shrink(&self, cap: usize) {
        let mut inner = self.lock();
        while inner.open.len() > cap && inner.close_longest_idle() {}
    }

    /// Closes the longest idle connection, else the one with the slowest request. Returns whether
    /// there was one.
    pub(super) fn make_room(&self) -> bool {
        self.lock().make_room()
    }

    /// Closes all connections, each once it has responded to its request.
    pub(crate) fn close_all_when_idle(&self) {
        for (_, state) in self.lock().open.drain() {
            state.close_when_idle();
        }
    }

    /// A mark between the connections of now and those of later.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.lock().next)
    }

    /// Closes the connections from before the mark, each once it has responded to its request.
    pub(crate) fn close_before_when_idle(&self, mark: &Mark) {
        self.lock().open.retain(|number, state| {
            let stays = *number >= mark.0;
            if !stays {
                state.close_when_idle();
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
    /// Clients that never finish their requests hold places for [`Timeouts::request`] each. They
    /// must not keep out those whose requests come in a packet or two.
    fn make_room(&mut self) -> bool {
        self.close_longest_idle() || self.evict_slowest()
    }

    fn close_longest_idle(&mut self) -> bool {
        let idle = self.remove_earliest(ConnectionState::idle_since);
        idle.inspect(|state| state.close_when_idle()).is_some()
    }

    fn evict_slowest(&mut self) -> bool {
        let slowest = self.remove_earliest(ConnectionState::reading_since);
        slowest.inspect(|state| state.evict()).is_some()
    }

    fn remove_earliest(
        &mut self,
        at: impl Fn(&ConnectionState) -> Option<Instant>,
    ) -> Option<Arc<ConnectionState>> {
        let dated = self.open.iter().filter_map(|(n, state)| at(state).map(|at| (at, *n)));
        let (_, number) = dated.min()?;
        self.open.remove(&number)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::http::deadlines::tests::TIMEOUTS;

    #[test]
    fn connections_from_after_a_mark_stay() {
        let pool = Arc::new(ConnectionPool::new(TIMEOUTS));
        let old = pool.admit(9).expect("there is room");
        let mark = pool.mark();
        let new = pool.admit(9).expect("there is room");
        pool.close_before_when_idle(&mark);
        assert!(old.state.must_close(Waker::noop()));
        assert!(!new.state.must_close(Waker::noop()));
    }

    #[test]
    fn the_longest_idle_goes_first_and_busy_ones_stay() {
        let pool = Arc::new(ConnectionPool::new(TIMEOUTS));
        let guards: Vec<ConnectionGuard> =
            (0..3).map(|_| pool.admit(3).expect("there is room")).collect();
        guards[0].state.received();
        let gone = |guard: &ConnectionGuard| guard.state.must_close(Waker::noop());
        let fourth = pool.admit(3).expect("the second one makes room");
        assert_eq!(guards.iter().map(gone).collect::<Vec<_>>(), [false, true, false]);
        guards[2].state.received();
        fourth.state.received();
        assert!(pool.admit(3).is_none(), "all are busy");
        drop(fourth);
        assert!(pool.admit(3).is_some(), "a place is free again");
    }

    #[test]
    fn the_request_that_has_been_coming_for_the_longest_goes_where_none_is_idle() {
        let pool = Arc::new(ConnectionPool::new(TIMEOUTS));
        let guards: Vec<ConnectionGuard> =
            (0..3).map(|_| pool.admit(3).expect("there is room")).collect();
        guards[0].state.received();
        guards[1].state.arrived();
        guards[2].state.arrived();
        let evicted = |guard: &ConnectionGuard| guard.state.is_evicted();
        let fourth = pool.admit(3).expect("the second one makes room");
        assert_eq!(guards.iter().map(evicted).collect::<Vec<_>>(), [false, true, false]);
        assert!(guards[1].state.must_close(Waker::noop()), "it is woken");
        fourth.state.received();
        pool.admit(3).expect("the third one makes room").state.received();
        guards[2].state.received();
        assert!(!evicted(&guards[2]), "its request came just in time and gets its response");
    }

    #[test]
    fn a_lower_cap_closes_only_idle_ones() {
        let pool = Arc::new(ConnectionPool::new(TIMEOUTS));
        let guards: Vec<ConnectionGuard> =
            (0..4).map(|_| pool.admit(9).expect("there is room")).collect();
        guards[0].state.received();
        pool.shrink(2);
        let gone = |guard: &ConnectionGuard| guard.state.must_close(Waker::noop());
        assert_eq!(guards.iter().map(gone).collect::<Vec<_>>(), [false, true, true, false]);
        pool.shrink(0);
        assert!(!gone(&guards[0]), "it is busy");
    }
}
