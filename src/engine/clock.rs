//! Notices when the wall clock is set, without ticking.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::{net::unix::pipe, sync::watch};

/// A moment that never comes: the year 2200, in seconds since 1970.
const NEVER: i64 = 7_258_118_400;

/// Counts the times the wall clock was set, until nobody listens any more. Ends with an error
/// where the system cannot tell (then schedules by the clock notice a jump only when they run).
pub(super) async fn follow(jumps: watch::Sender<u64>) -> io::Result<()> {
    // A timer is no pipe, but is waited for and read like one.
    let timer = pipe::Receiver::from_owned_fd_unchecked(timer()?)?;
    loop {
        tokio::select! {
            ready = timer.readable() => ready?,
            () = jumps.closed() => return Ok(()),
        }
        // The kernel cancels the timer when the clock is set: the read says ECANCELED, and the
        // timer is armed again by it.
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
