//! An open log file, with its size and whether it ends with a whole line.

use std::{
    fs::{DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt},
    path::Path,
    time::Instant,
};

use memchr::{memchr, memrchr};
use rustix::fs::{Mode, OFlags};

/// Device and inode.
pub(super) type Identity = (u64, u64);

/// An error, and how many bytes were written before it.
pub(super) type Torn = (usize, io::Error);

#[derive(Debug)]
pub(super) struct OpenLog {
    pub(super) file: File,
    pub(super) identity: Identity,
    pub(super) size: u64,
    pub(super) at_line_start: bool,
    pub(super) looked: Instant,
}

impl OpenLog {
    /// Opens or creates it, its folder too if that is missing. Anything but a regular file is
    /// refused, without waiting for a reader of a pipe or following a link.
    pub(super) fn open(path: &Path, now: Instant) -> io::Result<Self> {
        let file = match open_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or_else(|| Path::new("."));
                DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
                open_file(path)?
            }
            other => other?,
        };
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok(Self {
            identity: (found.dev(), found.ino()),
            size: found.len(),
            at_line_start: ends_a_line(&file, found.len()),
            looked: now,
            file,
        })
    }

    /// How many of these bytes belong into this file; none if it must be rotated first.
    pub(super) fn fitting(&self, bytes: &[u8], max_size: u64) -> usize {
        let room = usize::try_from(max_size.saturating_sub(self.size)).unwrap_or(usize::MAX);
        if bytes.len() <= room {
            return bytes.len();
        }
        if let Some(at) = memrchr(b'\n', &bytes[..room]) {
            return at + 1;
        }
        // A line that is longer than a file, or one that was begun here, ends here.
        if self.size == 0 || (!self.at_line_start && self.size < max_size) {
            memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1)
        } else {
            0
        }
    }

    /// Appends all of it. An error says how much was written.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Torn> {
        let mut written = 0;
        while written < bytes.len() {
            match self.file.write(&bytes[written..]) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written, error)),
            }
        }
        self.size += bytes.len() as u64;
        self.at_line_start = bytes.last().is_none_or(|b| *b == b'\n');
        Ok(())
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    // Readable, to see whether it ends with a whole line.
    let flags = OFlags::RDWR
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::CLOEXEC
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK;
    match rustix::fs::open(path, flags, Mode::from_raw_mode(0o640)) {
        Ok(fd) => Ok(fd.into()),
        Err(rustix::io::Errno::LOOP) => Err(io::Error::other("it is a symbolic link")),
        Err(error) => Err(error.into()),
    }
}

/// Whether the last of so many bytes ends a line; what cannot be read is taken to do so.
pub(super) fn ends_a_line(file: &File, size: u64) -> bool {
    let mut last = [b'\n'];
    // What cannot be read is taken for a whole line.
    let read = size.checked_sub(1).map(|at| file.read_at(&mut last, at));
    !matches!(read, Some(Ok(1))) || last == *b"\n"
}
