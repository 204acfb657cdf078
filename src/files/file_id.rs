//! The identity of a file and its content, by stat(2).

use std::{
    fs::Metadata,
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::{
    fs::{AtFlags, Stat, statat},
    io::{Errno, Result},
};

/// Where the kernel cannot say whether a program still writes to a file, the file counts as
/// finished once nothing has changed it for so long.
pub(crate) const QUIET: Duration = Duration::from_millis(100);

/// A change time that lies so far ahead is from another clock, and says nothing about quiet.
const OTHER_CLOCK: Duration = Duration::from_secs(1);

/// What stat(2) says of a file: as long as it is equal, so is the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
    links: u64,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) owner: u32,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            links: metadata.nlink(),
            size: metadata.size(),
            mode: metadata.mode(),
            owner: metadata.uid(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The id of the file at a path from this folder, links followed; `None` if there is none.
    /// Allocates nothing and touches little code: it is all that a check at rest does.
    pub(super) fn at(folder: impl AsFd, path: &Path) -> Result<Option<Self>> {
        match statat(folder, path, AtFlags::empty()) {
            Ok(stat) => Ok(Some(Self::of_stat(&stat))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    #[expect(clippy::unnecessary_cast, reason = "the kernel's types differ between processors")]
    fn of_stat(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            links: stat.st_nlink as u64,
            size: stat.st_size.cast_unsigned(),
            mode: stat.st_mode,
            owner: stat.st_uid,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }

    /// Whether it is the same folder with the same permissions, whatever is in it.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        (self.device, self.inode, self.mode, self.owner)
            == (other.device, other.inode, other.mode, other.owner)
    }

    /// Whether the file has one name only. One with more may change with no event here.
    pub(super) const fn has_one_name(&self) -> bool {
        self.links == 1
    }

    /// Whether the last change lies so far back that another one would bear another time.
    pub(super) fn is_quiet(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_nanos().cast_signed();
        let changed = i128::from(self.changed.0) * 1_000_000_000 + i128::from(self.changed.1);
        let age = now - changed;
        age >= QUIET.as_nanos().cast_signed() || -age > OTHER_CLOCK.as_nanos().cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::CWD;

    use super::*;

    #[test]
    fn both_ways_to_ask_say_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        std::fs::write(&file, "text").expect("a file");
        for path in [folder.path(), &file] {
            let metadata = std::fs::metadata(path).expect("it is there");
            assert_eq!(FileId::at(CWD, path), Ok(Some(FileId::of(&metadata))));
        }
        assert_eq!(FileId::at(CWD, &file.join("b")), Ok(None));
        assert_eq!(FileId::at(CWD, &folder.path().join("b")), Ok(None));
    }
}
