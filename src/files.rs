//! The disk: what the folder of workers holds, when to look at it again, and what is written.
//!
//! [`Scanner`] reads a folder into a [`Listing`](crate::discovery::Listing), [`read_settled`]
//! a single file, [`Watcher`] says when something may have changed; [`logs`] writes what workers
//! say, [`state`] remembers what the next arcanos must know. What the files mean is decided
//! elsewhere.

mod file_id;
mod file_snapshot;
mod lease;
pub mod logs;
mod read;
mod retry_delay;
mod scan;
pub mod state;
mod watch;
mod writable;

pub(crate) use file_id::QUIET;
pub use file_snapshot::FileSnapshot;
pub use read::{ReadError, Settled, read_settled};
pub use retry_delay::RetryDelay;
pub(crate) use scan::REMOVED_AFTER;
pub use scan::{Scan, ScanError, Scanner};
pub use watch::{ChangedPaths, Rescan, WatchList, WatchMode, Watcher};
pub(crate) use writable::{anyone_may_write, open_to_all};
