//! The state directory: the lock of the running arcanos, and its records for the next one.
//!
//! Nothing here decides anything: the modules above decide who may start, whom to talk to and which
//! leftovers to end.
//!
//! | file | holds |
//! |---|---|
//! | `lock` | locked by the arcanos that runs; its text names it |
//! | `instance.json` | the record of the arcanos that runs, or that was killed |
//! | `last_instance.json` | the record of the one before |
//! | `prepared.json` | the lock files that folders were prepared for |
//! | `schedule-ID.json` | how far the schedule of a worker has come |
//! | `draft-NAME.json` | a config that the running one is being asked about |
//!
//! Invariant: a record alone never means that something runs: its process must be alive. The lock
//! and the guard (see `guard`) are released by the kernel when their holder dies.
//!
//! The directory may be removed or replaced while arcanos runs. Then the [`Keeper`] makes it anew,
//! with the lock and with the records that this arcanos has written.

mod draft;
mod guard;
mod keeper;
mod lock;
mod record;

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::fd::OwnedFd,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use rustix::process::geteuid;

pub use draft::Draft;
pub use keeper::Keeper;
pub use lock::{Lock, LockError};
pub use record::{Instance, Prepared};

use crate::domain::os_text;
use crate::sync::lock;

/// Only the owner may read it: the records hold where arcanos listens.
const DIRECTORY_MODE: u32 = 0o700;

/// As the directory's.
const FILE_MODE: u32 = 0o600;

/// The most that is read of any file here, in bytes; all are far smaller.
const MAX_FILE: u64 = 1024 * 1024;

/// The state directory could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It does not exist and was not to be made.
    #[error("there is no state directory `{}`", os_text::shown_path(&.0))]
    Missing(PathBuf),
    /// Something else than a directory is in its place.
    #[error(
        "the state directory `{}` is not a directory (a symbolic link is none either); \
         remove it or set `state.directory`",
        os_text::shown_path(&.0)
    )]
    NotDirectory(PathBuf),
    /// It belongs to another user, who could make us talk to whom he likes.
    #[error(
        "the state directory `{}` belongs to the user with the id `{owner}`, not to you; \
         run as that user or set `state.directory`",
        os_text::shown_path(path)
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// The system refused.
    #[error("cannot {action} `{}`", os_text::shown_path(path))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// A state directory that is ours alone.
#[derive(Clone, Debug)]
pub struct StateDir {
    path: PathBuf,
    /// The records as they should be, by file name; written again if they go.
    records: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// Wakes the keeper, once there is one.
    keeper: Arc<OnceLock<Arc<OwnedFd>>>,
}

impl PartialEq for StateDir {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl StateDir {
    /// Opens the directory, and makes it, with the folders above it, where it is missing.
    ///
    /// One that others may look into is closed to them.
    ///
    /// # Errors
    /// It is not a directory, it is a symbolic link or another user's, or the system refuses.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| failed("create", parent, e))?;
        }
        match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("create", path, error));
            }
            _ => {}
        }
        let state = Self::open_existing(path)?;
        let mode = fs::metadata(path).map_err(|e| failed("look at", path, e))?.mode();
        if mode & 0o777 != DIRECTORY_MODE {
            fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE))
                .map_err(|e| failed("restrict", path, e))?;
        }
        Ok(state)
    }

    /// Opens the directory only if it is there; changes nothing.
    ///
    /// # Errors
    /// As [`StateDir::open`], and if there is none.
    pub fn open_existing(path: &Path) -> Result<Self, StateError> {
        let found = fs::symlink_metadata(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StateError::Missing(path.to_owned()),
            io::ErrorKind::NotADirectory => StateError::NotDirectory(path.to_owned()),
            _ => failed("look at", path, error),
        })?;
        if !found.is_dir() {
            return Err(StateError::NotDirectory(path.to_owned()));
        }
        if found.uid() != geteuid().as_raw() {
            return Err(StateError::Foreign { path: path.to_owned(), owner: found.uid() });
        }
        Ok(Self { path: path.to_owned(), records: Arc::default(), keeper: Arc::default() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The content of a file; `None` if there is none.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let path = self.file(name);
        let opened = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|e| failed("read", &path, e))?,
        };
        let mut content = Vec::new();
        let read = opened.take(MAX_FILE).read_to_end(&mut content);
        read.map_err(|e| failed("read", &path, e))?;
        Ok(Some(content))
    }

    /// Puts a file in place whole: who reads it sees the old content or the new one.
    fn write(&self, name: &str, content: &[u8]) -> Result<(), StateError> {
        let path = self.file(name);
        let draft = self.file(&format!(".{name}.{}", std::process::id()));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(FILE_MODE)
                .open(&draft)?;
            file.write_all(content)?;
            // A record that is empty after a power cut would hide leftovers.
            file.sync_all()?;
            fs::rename(&draft, &path)
        };
        write().map_err(|source| {
            let _ = fs::remove_file(&draft);
            failed("write", &path, source)
        })
    }
}

impl StateDir {
    /// Has the keeper look at the records at once: one could not be written.
    fn wake_keeper(&self) {
        if let Some(keeper) = self.keeper.get() {
            let _ = rustix::io::write(&**keeper, &1_u64.to_ne_bytes());
        }
    }

    /// Removes what an arcanos that was killed left half written, and questions that nobody waits
    /// for any more. Only for the holder of the lock.
    fn remove_drafts(&self) {
        let Ok(files) = fs::read_dir(&self.path) else { return };
        for file in files.flatten() {
            let name = file.file_name();
            if name.to_str().is_some_and(is_leftover) {
                // One that stays is tried again at the next start.
                let _ = fs::remove_file(file.path());
            }
        }
    }

    /// Makes the directory and the records of this arcanos anew where they are gone or changed.
    /// Returns whether anything was.
    fn restore(&self) -> Result<bool, StateError> {
        Self::open(&self.path)?;
        let mut is_changed = false;
        for (name, content) in &*lock(&self.records) {
            let path = self.file(name);
            let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
            if !is_file || self.read(name)?.as_ref() != Some(content) {
                self.write(name, content)?;
                is_changed = true;
            }
        }
        Ok(is_changed)
    }
}

/// Whether a file is a half-written one of a process that is gone: `.NAME.PID`.
fn is_leftover(name: &str) -> bool {
    let writer = name.strip_prefix('.').and_then(|name| name.rsplit_once('.'));
    let pid = writer.and_then(|(_, pid)| pid.parse::<u32>().ok());
    // One of a command that asks right now is written in its lifetime.
    pid.is_some_and(|pid| pid == std::process::id() || crate::procfs::stat(pid).is_none())
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> StateError {
    StateError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
