//! The disk: what the folder of workers holds, and when to look at it again.
//!
//! [`Scanner`] reads a folder into a [`Listing`](crate::discovery::Listing), [`read_settled`]
//! a single file, [`Watcher`] says when something may have changed. What the files mean is
//! decided elsewhere.

mod lease;
mod patience;
mod read;
mod scan;
mod stamp;
mod watch;

pub use patience::Patience;
pub use read::{ReadError, Settled, read_settled};
pub use scan::{Scan, ScanError, Scanner};
pub use watch::{WatchList, WatchMode, Watcher};
