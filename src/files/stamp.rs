//! By what an unchanged file is known.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Where the kernel cannot say whether a program writes, a file counts as written once it has
/// been left alone for so long.
const QUIET: Duration = Duration::from_millis(100);

/// A change that lies so far ahead was stamped by another clock, and says nothing about quiet.
const OTHER_CLOCK: Duration = Duration::from_secs(1);

/// What stat(2) says of a file: as long as it is equal, so is the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    links: u64,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) owner: u32,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
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
