//! System calls without a safe interface: [`clone_exec`] makes a child, the rest is about the end of
//! one, descriptors, users and memory.

#![expect(unsafe_code, reason = "no safe interface reports how a child ended and what it used")]

mod clone_exec;
mod pages;
mod users;

use std::{
    ffi::c_int,
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
};

use rustix::io::Errno;
use tokio::io::{Interest, unix::AsyncFd};

use crate::domain::Exit;

pub(super) use clone_exec::{Stack, clone_process};
pub(super) use pages::{give_code_back, give_heap_back};
pub(super) use users::{groups_of, user_by_name};

/// The descriptor of the Node channel in a child.
pub(super) const CHANNEL_FD: c_int = 3;

/// The first descriptor that systemd hands over, by sd_listen_fds(3).
const FIRST_INHERITED: c_int = 3;

/// The descriptor whose number a cell holds; `None` if that is negative.
///
/// The caller keeps whoever owns the descriptor from closing it meanwhile.
pub(super) fn borrow_fd(number: &AtomicI32) -> Option<BorrowedFd<'_>> {
    let number = number.load(Ordering::Acquire);
    // SAFETY: the kernel made it during a clone, and `HalfBorn` has whoever takes it over, and then
    // may close it, set the cell to -1 first, under a lock that is held now.
    (number >= 0).then(|| unsafe { BorrowedFd::borrow_raw(number) })
}

/// Has the runtime watch a pidfd for the end of its process.
pub(super) fn watch(pidfd: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: the descriptor belongs to the `Arc` that is handed over, so it stays open, and the
    // same, for as long as it is watched.
    let watched = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) };
    Ok(watched?)
}

/// Takes the descriptors from 3 on that arcanos was started with, so many of them, as its own.
/// Only the first call gets any.
pub(super) fn inherited(count: u32) -> Vec<OwnedFd> {
    static IS_TAKEN: AtomicBool = AtomicBool::new(false);
    if IS_TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let first = FIRST_INHERITED;
    let last = first.saturating_add_unsigned(count);
    // SAFETY: who started this very process says, by its id, that these are open and meant for
    // it; nothing else in arcanos takes descriptors by number, and this happens once.
    let open = (first..last).filter(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0);
    open.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect()
}

/// How a dead process ended, and the most memory that it, or a child it waited for, ever held.
pub(super) struct Ending {
    pub(super) exit: Exit,
    /// Bytes. Never less than what arcanos held when it cloned the process: until then they
    /// shared their memory.
    pub(super) peak_memory: u64,
}

/// Takes the end of a child, once; `None` while it lives. The safe interfaces to waitid(2) leave
/// out what it used.
pub(super) fn reap(pidfd: BorrowedFd<'_>) -> io::Result<Option<Ending>> {
    // SAFETY: both are plain data for which zeros are good, and live through the call, which fills
    // them in; the two fields of `info` are read only if it is about a child (its pid is not 0).
    let (pid, code, status, used) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let mut used: libc::rusage = std::mem::zeroed();
        let (info_at, used_at) = (&raw mut info, &raw mut used);
        let options = libc::WEXITED | libc::WNOHANG;
        let (kind, fd) = (libc::P_PIDFD, pidfd.as_raw_fd());
        if libc::syscall(libc::SYS_waitid, kind, fd, info_at, options, used_at) != 0 {
            return Err(last_errno().into());
        }
        (info.si_pid(), info.si_code, info.si_status(), used)
    };
    let exit = match code {
        _ if pid == 0 => return Ok(None),
        libc::CLD_EXITED => Exit::Code(status),
        _ => Exit::Signal(status),
    };
    // The kernel counts in KiB.
    let peak_memory = u64::try_from(used.ru_maxrss).unwrap_or(0) * 1024;
    Ok(Some(Ending { exit, peak_memory }))
}

/// The `errno` of the last failed call.
fn last_errno() -> Errno {
    // SAFETY: glibc's pointer to this thread's errno is always good. A child has its parent's, who
    // is suspended.
    Errno::from_raw_os_error(unsafe { *libc::__errno_location() })
}
