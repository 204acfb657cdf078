//! A value of which only the latest state counts, followed by one task.
//!
//! Like a `watch` of tokio, but for one follower, and so without the eight lists of waiters that
//! each of those has: a tenth of the memory.

use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::sync::lock;

/// The value, and whether it has changed since the follower last waited.
#[derive(Debug)]
pub(in crate::engine::local) struct Latest<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T> Latest<T> {
    /// A first value, which does not count as a change.
    pub(in crate::engine::local) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: Notify::new() }
    }

    /// Replaces the value.
    pub(in crate::engine::local) fn set(&self, value: T) {
        self.change(|old| *old = value);
    }

    /// Changes the value in place.
    pub(in crate::engine::local) fn change(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.lock());
        self.changed.notify_one();
    }

    /// Reads the latest value.
    pub(in crate::engine::local) fn with<R>(&self, with: impl FnOnce(&T) -> R) -> R {
        with(&self.lock())
    }

    /// Waits until the value has been set or changed since this was last waited for.
    ///
    /// # Cancel safety
    /// A change is not lost if the future is dropped before it completes.
    pub(in crate::engine::local) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        lock(&self.value)
    }
}

impl<T: Clone> Latest<T> {
    /// The latest value.
    pub(in crate::engine::local) fn get(&self) -> T {
        self.with(T::clone)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_change_before_anybody_waits_counts_once() {
        let latest = Latest::new(0);
        assert!(latest.changed().now_or_never().is_none(), "the first value is not a change");
        latest.set(1);
        latest.change(|value| *value += 1);
        latest.changed().await;
        assert_eq!(latest.get(), 2);
        assert!(latest.changed().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_change_is_not_lost_when_waiting_is_given_up() {
        let latest = Latest::new(0);
        {
            let mut waiting = std::pin::pin!(latest.changed());
            assert!(futures_util::poll!(waiting.as_mut()).is_pending());
            latest.set(1);
        }
        assert!(latest.changed().now_or_never().is_some());
    }
}
