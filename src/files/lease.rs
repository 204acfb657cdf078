//! Asks the kernel whether a program has a file open for writing.
//!
//! The kernel grants a read lease (fcntl(2), `F_SETLEASE`) only while no program has. So whether a
//! file is half written has an answer at every moment, whatever events came or were lost. The lease
//! is given back at once. Nothing here waits.

use std::{fs::File, io, os::fd::AsRawFd};

use libc::{c_int, c_long};

/// Sets the signal of a lease that is broken. From `asm-generic/fcntl.h`; libc has it for few
/// targets only.
const F_SETSIG: c_int = 10;

/// Whether a program has a file open for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writers {
    /// None has.
    None,
    /// At least one has.
    Some,
    /// The file system cannot say, or says so only to the owner of the file.
    Unknown,
}

/// Asks about a file that is open for reading only.
///
/// For the moment that the lease exists, a program that opens the file for writing makes the
/// kernel signal this process. The signal is set to SIGURG, which does nothing unless it is
/// handled; the lease's own, SIGIO, would end the process.
pub(super) fn writers(file: &File) -> Writers {
    if control(file, F_SETSIG, libc::SIGURG).is_err() {
        return Writers::Unknown;
    }
    match control(file, libc::F_SETLEASE, libc::F_RDLCK) {
        Ok(()) => {
            // Cannot fail for a lease that is held; closing the file would end it too.
            let _ = control(file, libc::F_SETLEASE, libc::F_UNLCK);
            Writers::None
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Writers::Some,
        Err(_) => Writers::Unknown,
    }
}

/// fcntl(2) with a number as its argument.
#[expect(unsafe_code, reason = "rustix offers no leases and takes no other commands of fcntl")]
fn control(file: &File, command: c_int, argument: c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open, since `file` is borrowed. Both commands that are used here
    // take a number, passed as the `long` that the variadic call expects, and no memory is
    // handed over: there is nothing that the kernel could read or write.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), command, c_long::from(argument)) };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn a_writer_is_seen_as_long_as_it_has_the_file_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.js");
        let writer = File::create(&path).expect("a file");
        let reader = File::open(&path).expect("a file");
        if writers(&reader) == Writers::Unknown {
            return; // This file system has no leases.
        }
        assert_eq!(writers(&reader), Writers::Some);
        drop(writer);
        assert_eq!(writers(&reader), Writers::None);
        let appender = OpenOptions::new().append(true).open(&path).expect("a file");
        assert_eq!(writers(&reader), Writers::Some);
        drop(appender);
        assert_eq!(writers(&reader), Writers::None);
    }
}
