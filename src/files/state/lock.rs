//! The lock on a state directory: one arcanos at a time holds it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, OFlags, flock},
    io::Errno,
};

use super::{FILE_MODE, StateDir, StateError, failed, record::Identity};

const NAME: &str = "lock";

/// How long to try again to take a lock whose holder is not known: either its holder is about to
/// write its name, or somebody only checks whether it is held (see [`StateDir::is_held`]). Both take
/// microseconds; a loaded machine is allowed a thousand times that.
const HOLDER_WAIT: Duration = Duration::from_millis(500);

/// The pause between two tries within [`HOLDER_WAIT`].
const RETRY_PAUSE: Duration = Duration::from_millis(2);

/// The lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another arcanos has it.
    #[error("another arcanos is already running here, with the pid {pid}")]
    Held {
        /// Its pid; 0 if it has not said.
        pid: u32,
    },
    /// The file could not be used.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The lock on a state directory, held as long as this lives.
///
/// Workers do not inherit it (the descriptor is closed on exec), so it is free as soon as
/// arcanos is gone, however that came.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Who reads the file later should not take this name for the holder's.
        let _ = self.file.set_len(0);
    }
}

impl StateDir {
    /// Takes the lock, and writes who holds it into its file.
    ///
    /// Of many that try at once exactly one has it. Blocks for half a second at most.
    ///
    /// # Errors
    /// [`LockError::Held`] names the holder.
    pub fn lock(&self) -> Result<Lock, LockError> {
        let (mut file, path) = self.open_lock()?;
        let deadline = Instant::now() + HOLDER_WAIT;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) => {
                    let holder = holder(&mut file);
                    let is_known = holder.as_ref().is_some_and(Identity::is_alive);
                    if is_known || Instant::now() >= deadline {
                        return Err(LockError::Held { pid: holder.map_or(0, |h| h.pid) });
                    }
                    thread::sleep(RETRY_PAUSE);
                }
                Err(errno) => return Err(failed("lock", &path, errno.into()).into()),
            }
        }
        let mut lock = Lock { file };
        lock.sign().map_err(|e| failed("write", &path, e))?;
        Ok(lock)
    }

    /// Whether an arcanos has the lock now.
    ///
    /// # Errors
    /// The file cannot be opened. That there is none is no error.
    pub fn is_held(&self) -> Result<bool, StateError> {
        let path = self.file(NAME);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other.map_err(|e| failed("read", &path, e))?,
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(errno) => Err(failed("lock", &path, errno.into())),
        }
    }

    fn open_lock(&self) -> Result<(File, PathBuf), StateError> {
        let path = self.file(NAME);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path);
        match opened {
            Ok(file) => Ok((file, path)),
            Err(error) => Err(failed("open", &path, error)),
        }
    }
}

impl Lock {
    fn sign(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(Identity::own().to_string().as_bytes())
    }
}

/// Who the file says holds the lock.
fn holder(file: &mut File) -> Option<Identity> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(256).read_to_string(&mut text).ok()?;
    text.parse().ok()
}
