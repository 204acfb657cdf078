//! The room for answers with many log lines: what those that are not read yet hold together.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Bytes that they may hold: 24 answers with all that is remembered of a worker.
const ROOM: usize = 24 << 20;

/// Bytes of an answer that needs no room of its own: the usual fifty lines, of which each connection
/// has one.
const SMALL: usize = 128 << 10;

/// How long a request waits for room: readers that read are done long before, others are cut after
/// 30 s.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The room.
pub(super) struct LogRoom(Arc<Semaphore>);

/// Some of the room, until it is dropped.
pub(super) struct Room {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Default for LogRoom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM)))
    }
}

impl LogRoom {
    /// Room for an answer that holds so many bytes; `None` if there is none now.
    pub(super) fn try_take(&self, bytes: usize) -> Option<Room> {
        if bytes <= SMALL {
            return Some(Room { _permit: None });
        }
        let permit = Arc::clone(&self.0).try_acquire_many_owned(permits(bytes)).ok()?;
        Some(Room { _permit: Some(permit) })
    }

    /// As [`LogRoom::try_take`], but waits for room; `None` if none comes in time.
    ///
    /// # Cancel safety
    /// The request loses its turn.
    pub(super) async fn take(&self, bytes: usize) -> Option<Room> {
        let permit = Arc::clone(&self.0).acquire_many_owned(permits(bytes));
        let permit = timeout(LONGEST_WAIT, permit).await.ok()?.ok()?;
        Some(Room { _permit: Some(permit) })
    }
}

/// The largest answer takes all the room, so that it gets its turn too.
fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes.min(ROOM)).expect("the room is far below 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_answers_share_the_room_and_small_ones_need_none() {
        let room = LogRoom::default();
        let half = room.try_take(ROOM / 2).expect("there is room");
        let _other = room.try_take(ROOM / 2).expect("there is room");
        assert!(room.try_take(SMALL + 1).is_none());
        assert!(room.try_take(SMALL).is_some());
        let moment = Duration::from_millis(20);
        assert!(timeout(moment, room.take(SMALL + 1)).await.is_err(), "nobody reads");
        let (taken, ()) = tokio::join!(room.take(ROOM / 2), async { drop(half) });
        assert!(taken.is_some());
    }

    #[test]
    fn the_largest_answer_gets_its_turn() {
        assert!(LogRoom::default().try_take(usize::MAX).is_some());
    }
}
