//! A bounded queue for one reader that takes next to no memory while it is empty.
//!
//! A channel of tokio keeps room for 32 messages from its first moment: several kilobytes for
//! each of a thousand workers, for messages that come once a day.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

use tokio::sync::Notify;

use crate::sync::lock;

/// The queue. Many put in, one takes out.
#[derive(Debug)]
pub(in crate::engine::local) struct Mailbox<T> {
    state: Mutex<State<T>>,
    most: usize,
    /// Something was put in.
    filled: Notify,
    /// Something was taken out, or the reader is gone.
    freed: Notify,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    is_closed: bool,
}

/// The mailbox refused the message: it is full, or its reader is gone.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine::local) struct Refused<T>(pub(in crate::engine::local) T);

impl<T> Mailbox<T> {
    /// An empty mailbox that holds at most so many messages.
    pub(in crate::engine::local) fn new(most: usize) -> Self {
        let state = State { queue: VecDeque::new(), is_closed: false };
        Self { state: Mutex::new(state), most, filled: Notify::new(), freed: Notify::new() }
    }

    /// Puts a message in if there is room.
    pub(in crate::engine::local) fn try_put(&self, message: T) -> Result<(), Refused<T>> {
        let mut state = self.lock();
        if state.is_closed || state.queue.len() >= self.most {
            return Err(Refused(message));
        }
        state.queue.push_back(message);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Puts a message in once there is room. Refused only if the reader is gone.
    ///
    /// # Cancel safety
    /// The message is dropped with the future.
    pub(in crate::engine::local) async fn put(&self, mut message: T) -> Result<(), Refused<T>> {
        loop {
            match self.try_put(message) {
                Ok(()) => return Ok(()),
                Err(refused) if self.lock().is_closed => {
                    // One permit wakes one waiter: pass it on, so that all learn it.
                    self.freed.notify_one();
                    return Err(refused);
                }
                Err(Refused(again)) => message = again,
            }
            // If room was freed since `try_put`, there is a permit, so that this does not wait.
            self.freed.notified().await;
        }
    }

    /// Takes the oldest message out, once there is one.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(in crate::engine::local) async fn take(&self) -> T {
        loop {
            if let Some(message) = self.pop() {
                return message;
            }
            self.filled.notified().await;
        }
    }

    /// Closes the mailbox, as its reader is gone: drops what is in it and refuses what comes.
    pub(in crate::engine::local) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let left = std::mem::take(&mut state.queue);
        drop(state);
        drop(left);
        self.freed.notify_one();
    }

    fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        let message = state.queue.pop_front();
        if state.queue.is_empty() {
            state.queue = VecDeque::new();
        }
        drop(state);
        if message.is_some() {
            self.freed.notify_one();
        }
        message
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No statement under the lock can leave the queue half changed.
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn messages_come_out_in_order_and_only_so_many_wait() {
        let mailbox = Mailbox::new(2);
        assert_eq!((mailbox.try_put(1), mailbox.try_put(2)), (Ok(()), Ok(())));
        assert_eq!(mailbox.try_put(3), Err(Refused(3)));
        assert_eq!((mailbox.take().await, mailbox.take().await), (1, 2));
        assert_eq!(mailbox.try_put(3), Ok(()));
        assert_eq!(mailbox.take().await, 3);
    }

    #[tokio::test]
    async fn who_waits_for_room_gets_it() {
        let mailbox = Arc::new(Mailbox::new(1));
        let writers: Vec<_> = (0..8)
            .map(|n| {
                let mailbox = Arc::clone(&mailbox);
                tokio::spawn(async move { mailbox.put(n).await })
            })
            .collect();
        let mut seen = Vec::new();
        for _ in 0..8 {
            seen.push(mailbox.take().await);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..8).collect::<Vec<_>>());
        for writer in writers {
            assert_eq!(writer.await.expect("no panic"), Ok(()));
        }
    }

    #[tokio::test]
    async fn who_waits_is_let_go_when_the_reader_is_gone() {
        let mailbox = Arc::new(Mailbox::new(1));
        assert_eq!(mailbox.try_put(0), Ok(()));
        let writers: Vec<_> = (1..4)
            .map(|n| {
                let mailbox = Arc::clone(&mailbox);
                tokio::spawn(async move { mailbox.put(n).await })
            })
            .collect();
        tokio::task::yield_now().await;
        mailbox.close();
        for (writer, n) in writers.into_iter().zip(1..) {
            assert_eq!(writer.await.expect("no panic"), Err(Refused(n)));
        }
        assert_eq!(mailbox.try_put(9), Err(Refused(9)));
    }
}
