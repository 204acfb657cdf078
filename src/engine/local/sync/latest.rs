//! A value of which only the last word counts, followed by one task.
//!
//! As a `watch` of tokio, but for one follower, and so without the eight lists of waiters that
//! each of those has: a tenth of the memory.

use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::sync::lock;

/// The value, and whether it is news.
#[derive(Debug)]
pub(in crate::engine::local) struct Latest<T> {
    value: Mutex<T>,
    news: Notify,
}

impl<T> Latest<T> {
    /// A first word, which is no news.
    pub(in crate::engine::local) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), news: Notify::new() }
    }

    /// Says something else from now on.
    pub(in crate::engine::local) fn say(&self, value: T) {
        self.change(|old| *old = value);
    }

    /// Changes what is said.
    pub(in crate::engine::local) fn change(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.lock());
        self.news.notify_one();
    }

    /// Looks at the last word.
    pub(in crate::engine::local) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock())
    }

    /// Waits until something was said since this was last waited for.
    ///
    /// # Cancel safety
    /// ChangedPaths that were not waited for to the end stay news.
    pub(in crate::engine::local) async fn news(&self) {
        self.news.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        lock(&self.value)
    }
}

impl<T: Clone> Latest<T> {
    /// The last word.
    pub(in crate::engine::local) fn last(&self) -> T {
        self.look(T::clone)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn what_is_said_before_anybody_waits_is_news_once() {
        let word = Latest::new(0);
        assert!(word.news().now_or_never().is_none(), "the first word is no news");
        word.say(1);
        word.change(|value| *value += 1);
        word.news().await;
        assert_eq!(word.last(), 2);
        assert!(word.news().now_or_never().is_none());
    }

    #[tokio::test]
    async fn who_gave_up_waiting_loses_nothing() {
        let word = Latest::new(0);
        {
            let mut waiting = std::pin::pin!(word.news());
            assert!(futures_util::poll!(waiting.as_mut()).is_pending());
            word.say(1);
        }
        assert!(word.news().now_or_never().is_some());
    }
}
