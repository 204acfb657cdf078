//! What one scan of the folder of workers found, or why the folder cannot be scanned.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{discovery::Listing, domain::os_text, files::read::is_missing};

/// What one scan of the folder found.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The files.
    pub listing: Listing,
    /// Whether something is not settled: a program still writes to a file, or a file has been gone
    /// for less than 300 ms and is still listed.
    pub pending: bool,
    /// How long to wait for the next scan because of that.
    pub wake: Option<Duration>,
    /// Whether a file had changed so lately that it must be read once more when it is quiet:
    /// another change within the clock's grain would bear the same time.
    pub fresh: bool,
    /// The folders in which a change may matter, absolute.
    pub folders: BTreeSet<PathBuf>,
}

/// Why a folder cannot be scanned. What runs goes on; nothing new starts.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// There is no such folder.
    #[error("the folder of workers `{}` is missing", os_text::shown_path(.0))]
    Missing(PathBuf),
    /// It is not a folder.
    #[error("`{}` is not a folder; it should hold the workers", os_text::shown_path(.0))]
    NotFolder(PathBuf),
    /// The system refuses.
    #[error("the folder of workers `{}` cannot be read: {fault}", os_text::shown_path(directory))]
    Unreadable {
        /// The folder.
        directory: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
    /// Anyone may put a worker there.
    #[error(
        "anyone may write to the folder of workers `{folder}`, so nothing is started from it; \
         run `chmod o-w {folder}`",
        folder = os_text::shown_path(.0)
    )]
    Open(PathBuf),
    /// The rules have changed, and a file that must be analysed by the new ones cannot be read
    /// yet: mostly because a program writes to it.
    #[error("the new rules wait for `{}`, which cannot be read at present", os_text::shown_path(.0))]
    Busy(PathBuf),
}

impl ScanError {
    pub(super) fn of(directory: &Path, fault: io::Error) -> Self {
        let directory = directory.to_path_buf();
        if is_missing(&fault) {
            Self::Missing(directory)
        } else {
            Self::Unreadable { directory, fault }
        }
    }
}
