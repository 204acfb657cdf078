//! Reads a file whole, up to a limit of size, and not while a program writes to it.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::fs::OFlags;

use super::{
    RetryDelay,
    file_id::FileId,
    lease::{Writers, writers},
};

/// How often the kernel is asked again whether a program writes to a file, before the answer is
/// believed: it reports that a file was closed a moment before it counts the writer out.
const LEASE_TRIES: u32 = 3;

/// What was read of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Settled {
    /// The whole content.
    Content(Vec<u8>),
    /// A program writes to it, or did a moment ago: read it again soon.
    Held,
    /// There is no such file.
    Missing,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is larger than the limit.
    #[error("it has {}; at most {} is read", human_size(*.size), human_size(*.limit))]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// It is a folder, a pipe or a device.
    #[error("it is {0}, not a regular file")]
    NotRegular(&'static str),
    /// The system refuses.
    #[error("it cannot be read: {0}")]
    Io(io::Error),
}

/// Reads a file of at most `limit` bytes, following links, unless a program still writes to it.
///
/// Never waits: not for a writer, nor at the other end of a pipe.
///
/// # Errors
/// If the file is there and is too large, not a regular file, or refused by the system.
pub fn read_settled(path: &Path, limit: u64) -> Result<Settled, ReadError> {
    Ok(match read_with_id(path, limit)? {
        Reading::Content(content, _) => Settled::Content(content),
        Reading::Held => Settled::Held,
        Reading::Missing => Settled::Missing,
    })
}

/// As [`read_settled`], but waits for a program that writes to the file, for at most `longest`.
///
/// [`Settled::Held`] means that it wrote for longer than that. Blocks.
///
/// # Errors
/// As [`read_settled`].
pub fn read_when_settled(path: &Path, limit: u64, longest: Duration) -> Result<Settled, ReadError> {
    let begin = Instant::now();
    let mut retry_delay = RetryDelay::new(begin);
    loop {
        match read_settled(path, limit)? {
            Settled::Held if begin.elapsed() <= longest => {
                thread::sleep(retry_delay.remaining(Instant::now()));
                retry_delay.go_on(Instant::now());
            }
            settled => return Ok(settled),
        }
    }
}

/// As [`Settled`], with the id that the file had when it was read.
#[derive(Debug)]
pub(super) enum Reading {
    Content(Vec<u8>, FileId),
    Held,
    Missing,
}

/// See [`read_settled`].
pub(super) fn read_with_id(path: &Path, limit: u64) -> Result<Reading, ReadError> {
    let asked = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if is_missing(&error) => return Ok(Reading::Missing),
        Err(error) => return Err(ReadError::Io(error)),
    };
    // Opening a device may do things, so only a regular file is opened at all.
    check_regular(&asked)?;
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(Reading::Missing),
        Err(error) => return Err(ReadError::Io(error)),
    };
    let before = file.metadata().map_err(ReadError::Io)?;
    check_regular(&before)?;
    let file_id = FileId::of(&before);
    let is_held = match settled_writers(&file) {
        Writers::None => false,
        Writers::Some => true,
        Writers::Unknown => !file_id.is_quiet(),
    };
    if is_held {
        return Ok(Reading::Held);
    }
    if file_id.size > limit {
        let size = file_id.size;
        return Err(ReadError::TooLarge { size, limit });
    }
    let mut content = Vec::with_capacity(usize::try_from(file_id.size).unwrap_or(0) + 1);
    (&file).take(limit + 1).read_to_end(&mut content).map_err(ReadError::Io)?;
    // A program that has begun to write since has left its mark on the times or the size.
    let after = FileId::of(&file.metadata().map_err(ReadError::Io)?);
    if after != file_id || content.len() as u64 != file_id.size {
        return Ok(Reading::Held);
    }
    Ok(Reading::Content(content, file_id))
}

/// Refuses what is not a regular file, and says what it is.
pub(super) fn check_regular(metadata: &Metadata) -> Result<(), ReadError> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    Err(ReadError::NotRegular(if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }))
}

/// Whether an error says that there is nothing at the path.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn open(path: &Path) -> io::Result<File> {
    // O_NONBLOCK: should a pipe have taken the file's place, opening it does not wait.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

fn settled_writers(file: &File) -> Writers {
    for _ in 0..LEASE_TRIES {
        match writers(file) {
            Writers::Some => thread::yield_now(),
            answer => return answer,
        }
    }
    writers(file)
}

fn human_size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    if bytes.is_multiple_of(MIB) {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{bytes} bytes")
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    const LIMIT: u64 = 100;

    /// Longer than a file takes to settle on a busy machine.
    const DEADLINE: Duration = Duration::from_secs(10);

    #[test]
    fn a_file_is_read_whole_once_its_writer_has_closed_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("arcanos.toml");
        assert_eq!(read_settled(&path, LIMIT).unwrap(), Settled::Missing);
        let mut writer = File::create(&path).unwrap();
        writer.write_all(b"half").unwrap();
        assert_eq!(read_settled(&path, LIMIT).unwrap(), Settled::Held);
        writer.write_all(b" whole").unwrap();
        drop(writer);
        let settled = read_when_settled(&path, LIMIT, DEADLINE).unwrap();
        assert_eq!(settled, Settled::Content(b"half whole".to_vec()));
    }

    #[test]
    fn a_writer_is_waited_for_as_long_as_allowed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("arcanos.toml");
        let mut writer = File::create(&path).unwrap();
        writer.write_all(b"half").unwrap();
        let held = read_when_settled(&path, LIMIT, Duration::from_millis(1)).unwrap();
        assert_eq!(held, Settled::Held);
        let reader = thread::spawn(move || read_when_settled(&path, LIMIT, DEADLINE));
        writer.write_all(b" whole").unwrap();
        drop(writer);
        let settled = reader.join().expect("it does not panic").unwrap();
        assert_eq!(settled, Settled::Content(b"half whole".to_vec()));
    }

    #[test]
    fn what_is_not_a_small_regular_file_is_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("large"), [b'x'; 101]).unwrap();
        fs::create_dir(at("folder")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), 0o600.into()).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("device")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (name, reason) in [
            ("large", "it has 101 bytes; at most 100 bytes is read"),
            ("folder", "it is a folder, not a regular file"),
            ("pipe", "it is a pipe, not a regular file"),
            ("socket", "it is a socket, not a regular file"),
            ("device", "it is a device, not a regular file"),
        ] {
            let refused = read_when_settled(&at(name), LIMIT, DEADLINE);
            assert_eq!(refused.unwrap_err().to_string(), reason);
        }
    }
}
