//! Notices when the wall clock is set. A timer of the kernel reports it; nothing polls.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::{net::unix::pipe, sync::watch};

/// When the timer would expire, in seconds since 1970: the year 2200, so never.
const NEVER: i64 = 7_258_118_400;

/// Counts how often the wall clock was set, until nobody listens any more. Fails where the system
/// has no such timer; then a schedule notices a jump of the clock only at its next tick.
pub(super) async fn follow(jumps: watch::Sender<u64>) -> io::Result<()> {
    // tokio has no type for a timerfd, but waits for and reads a pipe in the same way.
    let timer = pipe::Receiver::from_owned_fd_unchecked(timer()?)?;
    loop {
        tokio::select! {
            ready = timer.readable() => ready?,
            () = jumps.closed() => return Ok(()),
        }
        // When the clock is set, the kernel cancels the timer: the read fails with ECANCELED, which
        // arms the timer again.
        match timer.try_read(&mut [0; 8]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => jumps.send_modify(|jumps| *jumps += 1),
        }
    }
}

fn timer() -> io::Result<OwnedFd> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
    let at = Itimerspec {
        it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: Timespec { tv_sec: NEVER, tv_nsec: 0 },
    };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    timerfd_settime(timer.as_fd(), flags, &at)?;
    Ok(timer)
}
