//! The guard: a socket whose name stands for the place of a state directory.
//!
//! The lock is a file, and a person may remove it, with its directory or alone. The guard is not
//! a file: `rm -rf .arcanos` does not remove it. Its name is in the abstract namespace of unix(7),
//! which the kernel frees when the holder dies, and is made from the folder above the directory (its
//! device and inode, so that every path to it is the same) and the directory's own name.

use std::{
    fs,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            fs::MetadataExt,
            net::{SocketAddr, UnixListener, UnixStream},
        },
    },
    path::Path,
};

use rustix::{net::sockopt::socket_peercred, process::geteuid};

use crate::discovery::fingerprint;

/// The guard of one place, held as long as this lives.
#[derive(Debug)]
pub(super) struct Guard {
    address: Option<SocketAddr>,
    /// `None` where the system gives no such socket; then the lock alone must do.
    pub(super) socket: Option<UnixListener>,
}

/// Another process has the guard.
#[derive(Debug)]
pub(super) struct GuardHeld {
    /// Its pid; 0 if it is not known.
    pub(super) pid: u32,
}

impl Guard {
    /// Takes the guard of this state directory.
    pub(super) fn take(directory: &Path) -> Result<Self, GuardHeld> {
        let Some(address) = address(directory) else {
            return Ok(Self { address: None, socket: None });
        };
        match UnixListener::bind_addr(&address) {
            Ok(socket) => {
                // Whoever asks who holds it connects and leaves; nobody is waited for.
                let _ = socket.set_nonblocking(true);
                Ok(Self { address: Some(address), socket: Some(socket) })
            }
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => match holder(&address) {
                Some(pid) => Err(GuardHeld { pid }),
                // Another user's, who must not be able to keep us from starting.
                None => Ok(Self { address: None, socket: None }),
            },
            Err(_) => Ok(Self { address: None, socket: None }),
        }
    }

    /// Whether this is the guard of the directory, now that the folder above it may be another.
    pub(super) fn is_of(&self, directory: &Path) -> bool {
        let name = self.address.as_ref().and_then(SocketAddr::as_abstract_name);
        let wanted = address(directory);
        name.is_none() || name == wanted.as_ref().and_then(SocketAddr::as_abstract_name)
    }

    /// Lets go those who asked who holds the guard.
    pub(super) fn answer(&self) {
        if let Some(socket) = &self.socket {
            while socket.accept().is_ok() {}
        }
    }
}

/// Whether a process of ours has the guard of this directory.
pub(super) fn is_held(directory: &Path) -> bool {
    address(directory).is_some_and(|address| holder(&address).is_some())
}

/// The process that has the guard, if it is of our user or root's.
fn holder(address: &SocketAddr) -> Option<u32> {
    let stream = UnixStream::connect_addr(address).ok()?;
    let holder = socket_peercred(&stream).ok()?;
    let is_ours = holder.uid == geteuid() || holder.uid.is_root();
    is_ours.then(|| holder.pid.as_raw_pid().cast_unsigned())
}

fn address(directory: &Path) -> Option<SocketAddr> {
    let above = fs::metadata(directory.parent()?).ok()?;
    let mut place = format!("{} {} {} ", geteuid().as_raw(), above.dev(), above.ino()).into_bytes();
    place.extend(directory.file_name()?.as_bytes());
    SocketAddr::from_abstract_name(format!("arcanos-state-{}", fingerprint(&place))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_outlives_the_directory_and_is_one_for_each_place() {
        let root = tempfile::tempdir().expect("a folder");
        let (state, other) = (root.path().join("state"), root.path().join("other"));
        let guard = Guard::take(&state).expect("nobody has it");
        assert!(is_held(&state) && !is_held(&other) && guard.is_of(&state));
        let held = Guard::take(&state).expect_err("it is taken");
        assert_eq!(held.pid, std::process::id());
        std::os::unix::fs::symlink(root.path(), root.path().join("link")).expect("a link");
        assert!(is_held(&root.path().join("link/state")), "by every path");
        Guard::take(&other).expect("another place");
        guard.answer();
        drop(guard);
        assert!(!is_held(&state));
    }
}
