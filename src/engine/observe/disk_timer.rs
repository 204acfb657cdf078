//! The disk timer: notices that a look at the disk hangs, and shows it in `/health`.
//!
//! A timer of the kernel is armed before each look and disarmed after it. So a supervisor at rest
//! is not woken for it, and the thread that hangs need not report anything itself.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::net::unix::pipe;

use crate::{domain::human_delay, engine::board::Board, sync::lock};

/// How long a look may take before it is taken to hang. A look at a thousand workers takes less
/// than a second on a busy machine.
const LIMIT: Duration = Duration::from_secs(3);

/// Where the board shows a look that hangs.
const PROBLEM: &str = "look.hangs";

const DISARMED: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Times the looks of one thread. Dropping it ends its task.
pub(in crate::engine) struct DiskTimer {
    timer: OwnedFd,
    /// The look under way: when it began, and what it reads.
    under_way: Mutex<Option<(Instant, String)>>,
    board: Arc<Board>,
    limit: Duration,
}

impl DiskTimer {
    /// Starts the task that waits for the timer.
    ///
    /// # Errors
    /// The machine refuses a descriptor.
    pub(in crate::engine) fn start(board: Arc<Board>) -> io::Result<Arc<Self>> {
        Self::start_with(board, LIMIT)
    }

    fn start_with(board: Arc<Board>, limit: Duration) -> io::Result<Arc<Self>> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // tokio has no type for a timerfd, but waits for and reads a pipe in the same way.
        let expiry = pipe::Receiver::from_owned_fd_unchecked(timer.try_clone()?)?;
        let timer = Self { timer, under_way: Mutex::new(None), board, limit };
        let timer = Arc::new(timer);
        tokio::spawn(follow(expiry, Arc::downgrade(&timer)));
        Ok(timer)
    }

    /// Does something that reads from the disk, and shows meanwhile that it hangs, if it does.
    pub(in crate::engine) fn time<T>(&self, what: String, work: impl FnOnce() -> T) -> T {
        *lock(&self.under_way) = Some((Instant::now(), what));
        self.arm(Timespec::try_from(self.limit).unwrap_or(DISARMED));
        let done = work();
        self.arm(DISARMED);
        let mut under_way = lock(&self.under_way);
        *under_way = None;
        // Under the lock: a report that is late cannot come after this.
        self.board.set_problem(PROBLEM, None);
        drop(under_way);
        done
    }

    /// Sets when the timer expires next. If that fails, a look that hangs is not shown; nothing else depends on it.
    fn arm(&self, it_value: Timespec) {
        let at = Itimerspec { it_interval: DISARMED, it_value };
        let _ = timerfd_settime(self.timer.as_fd(), TimerfdTimerFlags::empty(), &at);
    }

    fn report(&self) {
        let under_way = lock(&self.under_way);
        let Some((begin, what)) = &*under_way else { return };
        if begin.elapsed() < self.limit {
            return;
        }
        let text = format!(
            "the disk has not answered for {}, so changes are not followed: {what} hangs. What \
             runs goes on; changes are followed again once the disk answers",
            human_delay(self.limit)
        );
        tracing::warn!("{text}");
        self.board.set_problem(PROBLEM, Some(text));
    }
}

/// Reports each look that takes too long.
async fn follow(expiry: pipe::Receiver, timer: Weak<DiskTimer>) {
    // Cancel-safe: whether the timer has expired is read after it.
    while expiry.readable().await.is_ok() {
        let Some(timer) = timer.upgrade() else { return };
        match expiry.try_read(&mut [0; 8]) {
            Ok(_) => timer.report(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

impl Drop for DiskTimer {
    fn drop(&mut self) {
        // The task wakes up and finds that nobody is left.
        self.arm(Timespec { tv_sec: 0, tv_nsec: 1 });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::domain::{AiStatus, ConfigStatus, DiscoveryStatus, Generation, Snapshot, Stamp};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn board() -> Board {
        let config = ConfigStatus {
            file: "/site/arcanos.toml".into(),
            loaded_at: Stamp::now(),
            error: None,
        };
        let (directory, watcher) = ("/site/workers".into(), "native".to_owned());
        Board::new(Snapshot {
            generation: Generation(1),
            workers: std::collections::BTreeMap::new(),
            config,
            discovery: DiscoveryStatus { directory, watcher, error: None },
            ai: AiStatus::default(),
            problems: Vec::new(),
            environment: String::new(),
            session_log: "/site/session.log".into(),
            known_variables: Arc::default(),
        })
    }

    async fn problems(board: &Board, count: usize) -> Vec<String> {
        let mut changes = board.changes();
        let shown = async {
            loop {
                changes.mark_unchanged();
                let problems = board.snapshot().problems.clone();
                if problems.len() == count {
                    return problems;
                }
                changes.changed().await.expect("the board lives");
            }
        };
        tokio::time::timeout(PATIENCE, shown).await.expect("in time")
    }

    #[tokio::test]
    async fn a_look_that_hangs_is_shown_until_it_ends() {
        let board = Arc::new(board());
        let limit = Duration::from_millis(20);
        let timer = DiskTimer::start_with(Arc::clone(&board), limit).expect("a descriptor");
        for _ in 0..2 {
            let (answer, disk) = mpsc::channel();
            let timer = Arc::clone(&timer);
            let hanging = std::thread::spawn(move || {
                timer.time("reading `a`".to_owned(), || disk.recv_timeout(PATIENCE)).expect("sent")
            });
            let shown = problems(&board, 1).await;
            assert!(shown[0].contains("reading `a` hangs"), "{shown:?}");
            answer.send(()).expect("it is waited for");
            problems(&board, 0).await;
            hanging.join().expect("it ended well");
        }
    }
}
