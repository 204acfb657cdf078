//! The disk: what the folder of workers holds, when to look at it again, and what is written.
//!
//! [`Scanner`] reads a folder into a [`Listing`](crate::discovery::Listing), [`read_settled`]
//! a single file, [`Watcher`] says when something may have changed; [`logs`] writes what workers
//! say, [`state`] remembers what the next arcanos must know. What the files mean is decided
//! elsewhere.

mod lease;
pub mod logs;
mod marks;
mod patience;
mod read;
mod scan;
mod stamp;
pub mod state;
mod watch;

pub use marks::Marks;
pub use patience::Patience;
pub use read::{ReadError, Settled, read_settled};
pub(crate) use scan::{ABSENCE, open_to_all};
pub use scan::{Scan, ScanError, Scanner};
pub(crate) use stamp::QUIET;
pub use watch::{Caller, News, WatchList, WatchMode, Watcher};
