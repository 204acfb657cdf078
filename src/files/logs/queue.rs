//! The queue between captures and the writer.
//!
//! Bounded in bytes, not in chunks. Output waits for room, in turn and for a second at most; the
//! lines of arcanos itself never wait and have room of their own.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};

use crate::{config, domain::WorkerId, sync::lock};

use super::{chunk::Chunk, line::Stream};

/// Bytes of output that may wait: 64 full buffers. This lets the writer and the pipes of a flood
/// work at the same time, and bounds the memory if the disk hangs.
const OUTPUT_ROOM: usize = 4 * 1024 * 1024;

/// Bytes of lines of arcanos itself that may wait, and of lines that workers say on their
/// channels: thousands of each. Apart, so that no worker can push out a line about another.
const LINE_ROOM: usize = 1024 * 1024;

/// How long a worker's output waits for room, so that a disk that hangs costs it a second once.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A job of the writer. Jobs are done in the order of the queue.
#[derive(Debug)]
pub(super) enum Job {
    /// Write these lines.
    Write(Arc<Chunk>, Room),
    /// Use these settings from now on.
    Configure(Box<config::Log>),
    /// Open all paths again.
    Reopen,
    /// Close the file of a worker that is gone.
    Forget(WorkerId),
    /// Reply when everything before this is written.
    Flush(oneshot::Sender<()>),
}

/// Room in the queue that a job takes until it is done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Room {
    /// Of the room for output.
    Output(u32),
    /// Of the room for arcanos's own lines.
    Lifecycle(usize),
    /// Of the room for what workers say on their channels.
    Activity(usize),
}

/// The queue has no room for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Whether more jobs may come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// There is more to come, or there may be.
    Open,
    /// Nothing will ever come again.
    Closed,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    output: Semaphore,
    /// Whether output has waited for a second in vain, and nothing was written since. While the
    /// disk hangs, each worker then loses a second once, and not one for each chunk.
    is_stalled: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    lifecycle: usize,
    activity: usize,
    is_closed: bool,
    /// Whether the writer sleeps; waking it up costs a system call.
    writer_waits: bool,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            filled: Condvar::new(),
            output: Semaphore::new(OUTPUT_ROOM),
            is_stalled: AtomicBool::new(false),
        }
    }

    /// Queues output once there is room for it.
    ///
    /// # Errors
    /// If there is none for a second, or there was none for others just before.
    pub(super) async fn push_output(&self, chunk: Arc<Chunk>) -> Result<(), Full> {
        let n = permits(&chunk);
        let permit = match self.output.try_acquire_many(n) {
            Ok(permit) => permit,
            Err(_) if self.is_stalled.load(Ordering::Relaxed) => return Err(Full),
            Err(_) => match timeout(LONGEST_WAIT, self.output.acquire_many(n)).await {
                Ok(Ok(permit)) => permit,
                _ => {
                    self.is_stalled.store(true, Ordering::Relaxed);
                    return Err(Full);
                }
            },
        };
        permit.forget();
        self.push(Job::Write(chunk, Room::Output(n)));
        Ok(())
    }

    /// Queues output if there is room for it now.
    ///
    /// # Errors
    /// If there is none; it may be waited for.
    pub(super) fn try_push_output(&self, chunk: &Arc<Chunk>) -> Result<(), Full> {
        let n = permits(chunk);
        self.output.try_acquire_many(n).map_err(|_| Full)?.forget();
        self.push(Job::Write(Arc::clone(chunk), Room::Output(n)));
        Ok(())
    }

    /// Queues a line that is not output of a worker, without waiting.
    ///
    /// # Errors
    /// If thousands of its kind wait already.
    pub(super) fn push_line(&self, chunk: Arc<Chunk>) -> Result<(), Full> {
        let cost = chunk.cost();
        let mut state = self.lock();
        let (taken, room) = match chunk.stream {
            Stream::Activity => (&mut state.activity, Room::Activity(cost)),
            Stream::Lifecycle | Stream::Stdout | Stream::Stderr => {
                (&mut state.lifecycle, Room::Lifecycle(cost))
            }
        };
        if *taken + cost > LINE_ROOM {
            return Err(Full);
        }
        *taken += cost;
        self.push_locked(state, Job::Write(chunk, room));
        Ok(())
    }

    /// Queues a rare job, for which there is always room.
    pub(super) fn push(&self, job: Job) {
        self.push_locked(self.lock(), job);
    }

    /// No more jobs will come; the writer ends once it has done those that are there.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.filled.notify_one();
    }

    /// Waits for jobs until the deadline, or for ever, and moves all of them into `jobs`.
    pub(super) fn take(&self, jobs: &mut VecDeque<Job>, deadline: Option<Instant>) -> Taken {
        let mut state = self.lock();
        while state.jobs.is_empty() && !state.is_closed {
            state.writer_waits = true;
            state = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break,
                Some(span) => {
                    self.filled.wait_timeout(state, span).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.writer_waits = false;
        std::mem::swap(&mut state.jobs, jobs);
        if jobs.is_empty() && state.is_closed { Taken::Closed } else { Taken::Open }
    }

    /// Gives back the room of a job that is done. Output may wait for it again from now on.
    pub(super) fn release(&self, room: Room) {
        match room {
            Room::Output(n) => {
                self.output.add_permits(n as usize);
                if self.is_stalled.load(Ordering::Relaxed) {
                    self.is_stalled.store(false, Ordering::Relaxed);
                }
            }
            Room::Lifecycle(n) => self.lock().lifecycle -= n,
            Room::Activity(n) => self.lock().activity -= n,
        }
    }

    fn push_locked(&self, mut state: MutexGuard<'_, State>, job: Job) {
        state.jobs.push_back(job);
        let wakes = std::mem::take(&mut state.writer_waits);
        drop(state);
        if wakes {
            self.filled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// The room that output takes.
fn permits(chunk: &Chunk) -> u32 {
    let cost = chunk.cost().min(OUTPUT_ROOM);
    u32::try_from(cost).expect("the room is far below 4 GiB")
}

#[cfg(test)]
mod tests {
    use crate::{domain::Stamp, files::logs::chunk::Text};

    use super::*;

    fn chunk(stream: Stream, size: usize) -> Arc<Chunk> {
        Arc::new(Chunk {
            worker: None,
            stream,
            run: None,
            at: Stamp::now(),
            begun: 0,
            text: Text::own(vec![b'x'; size]),
            ends: 0,
            counters: None,
        })
    }

    #[tokio::test]
    async fn output_waits_a_second_for_room_and_then_no_more() {
        let queue = Queue::new();
        let chunk = chunk(Stream::Stdout, 64 * 1024);
        for _ in 0..OUTPUT_ROOM / chunk.cost() {
            assert_eq!(queue.push_output(Arc::clone(&chunk)).await, Ok(()));
        }
        let push = || async {
            let begin = Instant::now();
            (queue.push_output(Arc::clone(&chunk)).await, begin.elapsed())
        };
        let (first, waited) = push().await;
        assert!(first == Err(Full) && waited >= LONGEST_WAIT, "{waited:?}");
        let (second, waited) = push().await;
        assert!(second == Err(Full) && waited < LONGEST_WAIT, "{waited:?}");
        assert_eq!(queue.push_line(Arc::clone(&chunk)), Ok(()), "lines have room of their own");
        let mut jobs = VecDeque::new();
        assert_eq!(queue.take(&mut jobs, None), Taken::Open);
        for job in jobs {
            if let Job::Write(_, room) = job {
                queue.release(room);
            }
        }
        assert_eq!(push().await.0, Ok(()), "there is room again");
    }

    #[test]
    fn activity_leaves_room_for_lifecycle() {
        let queue = Queue::new();
        let activity = chunk(Stream::Activity, 1000);
        let n = (0..).take_while(|_| queue.push_line(Arc::clone(&activity)).is_ok()).count();
        assert_eq!(n, LINE_ROOM / activity.cost());
        assert_eq!(queue.push_line(chunk(Stream::Lifecycle, 1000)), Ok(()));
    }

    #[test]
    fn a_closed_queue_is_emptied_first() {
        let queue = Queue::new();
        queue.push(Job::Reopen);
        queue.close();
        let mut jobs = VecDeque::new();
        assert_eq!((queue.take(&mut jobs, None), jobs.len()), (Taken::Open, 1));
        jobs.clear();
        assert_eq!(queue.take(&mut jobs, None), Taken::Closed);
    }

    #[test]
    fn nobody_waits_beyond_the_deadline() {
        let (queue, mut jobs) = (Queue::new(), VecDeque::new());
        let deadline = Instant::now() + Duration::from_millis(20);
        assert_eq!(queue.take(&mut jobs, Some(deadline)), Taken::Open);
        assert!(jobs.is_empty() && Instant::now() >= deadline);
    }
}
