//! The lock on a state directory: one arcanos at a time holds it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, OFlags, flock},
    io::Errno,
};

use super::{
    FILE_MODE, Instance, StateDir, StateError, failed,
    guard::{self, Guard},
    record::Identity,
};

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

/// The lock on a state directory, held as long as this lives: the file and the guard.
///
/// Workers do not inherit it (the descriptors are closed on exec), so it is free as soon as
/// arcanos is gone, however that came.
#[derive(Debug)]
pub struct Lock {
    file: File,
    pub(super) guard: Guard,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Who reads the file later should not take this name for the holder's.
        let _ = self.file.set_len(0);
    }
}

/// Who keeps the lock from being taken.
struct Holder {
    pid: u32,
    /// Whether it has said itself that it runs here; otherwise it may be on its way out.
    is_known: bool,
}

impl StateDir {
    /// Takes the lock, and writes who holds it into its file.
    ///
    /// Of many that try at once exactly one has it. A record of an arcanos that is alive counts
    /// like the lock, which may have been removed: its runs must not be ended. Blocks for half a
    /// second at most.
    ///
    /// # Errors
    /// [`LockError::Held`] names the holder.
    pub fn lock(&self) -> Result<Lock, LockError> {
        let deadline = Instant::now() + HOLDER_WAIT;
        loop {
            match self.try_lock()? {
                Ok(lock) => {
                    self.adopt_records()?;
                    self.remove_drafts();
                    return Ok(lock);
                }
                Err(holder) if holder.is_known || Instant::now() >= deadline => {
                    return Err(LockError::Held { pid: holder.pid });
                }
                Err(_) => thread::sleep(RETRY_PAUSE),
            }
        }
    }

    fn try_lock(&self) -> Result<Result<Lock, Holder>, StateError> {
        let guard = Guard::take(self.path());
        let file = match self.lock_file()? {
            Ok(file) => file,
            Err(holder) => return Ok(Err(holder)),
        };
        let guard = match guard {
            Ok(guard) => guard,
            Err(held) => return Ok(Err(Holder { pid: held.pid, is_known: false })),
        };
        let living = self.read_instance()?.filter(Instance::is_alive);
        if let Some(living) = living.filter(|living| living.pid != std::process::id()) {
            return Ok(Err(Holder { pid: living.pid, is_known: false }));
        }
        let mut lock = Lock { file, guard };
        match lock.sign() {
            // The keeper signs once there is space: the lock itself needs none.
            Err(error) if !is_full(&error) => Err(failed("write", &self.file(NAME), error)),
            _ => Ok(Ok(lock)),
        }
    }

    /// Locks the file.
    fn lock_file(&self) -> Result<Result<File, Holder>, StateError> {
        let (mut file, path) = self.open_lock()?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Ok(file)),
            Err(Errno::WOULDBLOCK) => {
                let holder = holder(&mut file);
                let is_known = holder.as_ref().is_some_and(Identity::is_alive);
                Ok(Err(Holder { pid: holder.map_or(0, |h| h.pid), is_known }))
            }
            Err(errno) => Err(failed("lock", &path, errno.into())),
        }
    }

    /// Whether an arcanos runs at this place, even if the directory or the lock's file is gone.
    #[must_use]
    pub fn is_guarded(path: &Path) -> bool {
        guard::is_held(path)
    }

    /// Whether an arcanos has the lock now.
    ///
    /// # Errors
    /// The file cannot be opened. A missing file is not an error.
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
    /// Takes the lock again at the directory's place where its file is no longer there, or is
    /// another one. Returns whether that was so.
    pub(super) fn renew(&mut self, state: &StateDir) -> Result<bool, LockError> {
        let mut is_changed = false;
        if !self.guard.is_of(state.path()) {
            // The folder above was replaced.
            let guard = Guard::take(state.path());
            self.guard = guard.map_err(|held| LockError::Held { pid: held.pid })?;
            is_changed = true;
        }
        let path = state.file(NAME);
        let ours = self.file.metadata().map_err(|e| failed("look at", &path, e))?;
        let found = fs::symlink_metadata(&path).ok();
        let is_ours = |found: &fs::Metadata| (found.dev(), found.ino()) == (ours.dev(), ours.ino());
        if found.as_ref().is_some_and(is_ours) {
            // Emptied or written over, it would tell a second arcanos no pid, or a wrong one.
            let is_signed = holder(&mut self.file) == Some(Identity::own());
            if !is_signed {
                self.sign().map_err(|e| failed("write", &path, e))?;
            }
            return Ok(is_changed || !is_signed);
        }
        // A folder goes only if it is empty: what it holds is not ours to remove.
        let removed = match &found {
            Some(found) if found.is_symlink() => fs::remove_file(&path),
            Some(found) if found.is_dir() => fs::remove_dir(&path),
            _ => Ok(()),
        };
        removed.map_err(|e| failed("remove", &path, e))?;
        let locked = state.lock_file()?;
        self.file = locked.map_err(|holder| LockError::Held { pid: holder.pid })?;
        self.sign().map_err(|e| failed("write", &path, e))?;
        Ok(true)
    }

    fn sign(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(Identity::own().to_string().as_bytes())
    }
}

/// Whether the disk has no space, for anyone or for this user.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Who the file says holds the lock.
fn holder(file: &mut File) -> Option<Identity> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(256).read_to_string(&mut text).ok()?;
    text.parse().ok()
}
