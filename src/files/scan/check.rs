//! The check at rest: whether anything has changed since the last scan.
//!
//! This is all that arcanos does at every interval while nothing happens. So it allocates nothing,
//! and makes its system calls itself where the standard library would take a detour: code that does
//! not run needs no memory.

use std::{
    ffi::OsStr,
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, RawDir, openat},
    io::Result,
};

use super::{
    known::Known,
    list::{Entered, Kind, List},
    scanner::Scanner,
};
use crate::{discovery::Rules, files::file_id::FileId};

/// Bytes of names that are taken from the kernel at once: some hundred of them.
const NAMES: usize = 8192;

impl Scanner {
    /// Whether another scan would certainly find what the last one found. Cheaper than a scan: it
    /// compares ids and builds nothing.
    #[must_use]
    pub fn is_as_left(&self, rules: &Rules, directory: &Path) -> bool {
        let Some(last) = &self.last else { return false };
        // Opened for lookups only (O_PATH): that makes no event.
        let Ok(folder) = open(CWD, directory, OFlags::PATH) else { return false };
        let is_unchanged = |(path, known): (&PathBuf, &Known)| {
            let file_id = known.file_id.filter(|_| known.gone_since.is_none());
            file_id.is_some() && FileId::at(&folder, path) == Ok(file_id)
        };
        let is_missing = |path: &PathBuf| FileId::at(&folder, path) == Ok(None);
        self.directory == directory
            && self.digest == rules.digest()
            && last.list.is_current(folder.as_fd())
            && self.known.iter().all(is_unchanged)
            && last.absent.iter().all(is_missing)
    }
}

impl List {
    /// Whether reading the folders again would give this list.
    fn is_current(&self, folder: BorrowedFd<'_>) -> bool {
        let now = FileId::at(folder, inside(Path::new("")));
        if !matches!((now, &self.folder_id), (Ok(Some(now)), Some(then)) if now.is_same_place(then))
        {
            return false;
        }
        let is_unchanged = |entered: &Entered| {
            entered.file_id.is_some()
                && FileId::at(folder, inside(&entered.path)) == Ok(entered.file_id)
        };
        // A folder is only read where it must be: its watch reports the reading, and wakes its
        // thread.
        self.unreadable.is_empty()
            && (self.entered.iter().all(is_unchanged) || self.lists_all(folder))
    }

    /// Whether the names in the folders are those of the list.
    fn lists_all(&self, folder: BorrowedFd<'_>) -> bool {
        let counts = self.entered.iter().map(|entered| self.count_known(folder, &entered.path));
        counts.sum::<Option<usize>>() == Some(self.names.len())
    }

    /// How many names there are in one of the folders, if all of them are on the list.
    fn count_known(&self, folder: BorrowedFd<'_>, inner: &Path) -> Option<usize> {
        let opened = open(folder, inside(inner), OFlags::empty()).ok()?;
        let mut buffer = [MaybeUninit::uninit(); NAMES];
        let mut entries = RawDir::new(opened, &mut buffer);
        let mut count = 0;
        while let Some(entry) = entries.next() {
            let entry = entry.ok()?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Directory => Kind::Folder,
                FileType::Symlink => Kind::Link,
                FileType::Unknown => return None,
                _ => Kind::Other,
            };
            if !self.has(inner, name, kind) {
                return None;
            }
            count += 1;
        }
        Some(count)
    }

    fn has(&self, folder: &Path, name: &[u8], kind: Kind) -> bool {
        let folder = folder.as_os_str().as_bytes();
        let joint: &[u8] = if folder.is_empty() { b"" } else { b"/" };
        let wanted = || folder.iter().chain(joint).chain(name);
        let bytes = |path: &OsStr| path.as_bytes().iter().cmp(wanted());
        let found = self.names.binary_search_by(|known| bytes(known.path.as_os_str()));
        found.is_ok_and(|at| self.names[at].kind == kind)
    }
}

/// A path in a folder, as the kernel takes it.
fn inside(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn open(folder: impl AsFd, path: &Path, how: OFlags) -> Result<OwnedFd> {
    openat(folder, path, how | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}
