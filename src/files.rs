//! Files: scans and watches the folder of workers, reads files, writes logs and the state directory.
//!
//! [`Scanner`] reads a folder into a [`Listing`](crate::discovery::Listing), [`read_settled`] reads
//! a single file, [`Watcher`] reports when something may have changed. [`logs`] writes what workers
//! say, [`state`] keeps what the next arcanos must know. Other modules decide what the files mean.

mod file_id;
mod file_snapshot;
mod lease;
pub mod logs;
mod read;
mod retry_delay;
mod scan;
pub mod state;
mod watch;
mod watched;
mod writable;

pub(crate) use file_id::QUIET;
pub use file_snapshot::FileSnapshot;
pub use read::{ReadError, Settled, read_settled, read_when_settled};
use retry_delay::RetryDelay;
pub(crate) use scan::REMOVED_AFTER;
pub use scan::{Scan, ScanError, Scanner};
pub use watch::{ChangedPaths, Rescan, WatchList, WatchMode, Watcher};
pub use watched::{Watched, WatchedFiles, WatchedSet};
pub(crate) use writable::{anyone_may_write, open_to_all};
