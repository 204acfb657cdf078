//! Rotation: renames a log file to `.1`, `.1` to `.2`, and removes the oldest.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// When a log is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes at which it is.
    pub(super) max_size: u64,
    /// Rotated files kept.
    pub(super) keep: u32,
}

/// Renames the file to `.1`, `.1` to `.2`, and so on; removes those that are too many.
pub(super) fn shift(path: &Path, keep: u32) -> io::Result<()> {
    let old = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{n}"));
        PathBuf::from(name)
    };
    // After a lowered `keep` there may be more than one too many.
    for n in keep.saturating_add(1).. {
        if fs::remove_file(old(n)).is_err() {
            break;
        }
    }
    if keep == 0 {
        return fs::remove_file(path);
    }
    let free = (1..keep).find(|n| !old(*n).exists()).unwrap_or(keep);
    for n in (1..free).rev() {
        fs::rename(old(n), old(n + 1))?;
    }
    fs::rename(path, old(1))
}
