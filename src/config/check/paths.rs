//! Paths of the config, made absolute.

use std::path::{Path, PathBuf};

/// The path, from this folder if it is relative. Links and `..` stay as they are: what they
/// lead to is a question to the disk.
pub(super) fn absolute(folder: &Path, path: &str) -> PathBuf {
    folder.join(path).components().collect()
}
