//! A child between `clone` and `execve`, as those see it who wait for its launch.
//!
//! The thread that clones it is suspended meanwhile, for as long as the child takes: a disk that
//! does not answer holds it up, and so does a SIGSTOP from anybody who runs as the child's new
//! user. Only another thread can do something about it.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicI32, Ordering},
};

use rustix::process::{Signal, pidfd_send_signal};

use super::sys;
use crate::sync::lock;

/// No child is half born.
const NONE: i32 = -1;

/// The pidfd of a child that has not executed its program yet, if there is one.
pub(super) struct HalfBorn {
    /// Written by the kernel during the clone.
    pidfd: AtomicI32,
    /// Held while the descriptor is used, and while its owner changes.
    turn: Mutex<()>,
    /// Whether its launch was given up.
    is_given_up: AtomicBool,
}

impl Default for HalfBorn {
    fn default() -> Self {
        Self { pidfd: AtomicI32::new(NONE), turn: Mutex::new(()), is_given_up: false.into() }
    }
}

impl HalfBorn {
    /// Where the kernel puts the pidfd of the child.
    pub(super) const fn slot(&self) -> *mut i32 {
        self.pidfd.as_ptr()
    }

    /// Takes the number of the descriptor: the child is born, or was never made. From then on
    /// nobody signals it here. Negative if there was no child.
    pub(super) fn take(&self) -> i32 {
        let _turn = lock(&self.turn);
        self.pidfd.swap(NONE, Ordering::AcqRel)
    }

    /// Lets a child go on that was stopped. Does nothing to one that runs.
    pub(super) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Gives the launch up and kills the child: the thread that made it goes on as soon as the
    /// kernel can end it.
    pub(super) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Release);
        self.signal(Signal::KILL);
    }

    /// Kills the child if its launch was given up.
    pub(super) fn kill_given_up(&self) {
        if self.is_given_up.load(Ordering::Acquire) {
            self.signal(Signal::KILL);
        }
    }

    fn signal(&self, signal: Signal) {
        let _turn = lock(&self.turn);
        if let Some(pidfd) = sys::borrow_fd(&self.pidfd) {
            // It fails only if the child is dead, or not quite there.
            let _ = pidfd_send_signal(pidfd, signal);
        }
    }
}
