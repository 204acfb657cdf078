//! Logs: captures the output of workers, redacts it, writes and rotates log files, shows last lines.
//!
//! For each pipe a capture task reads, redacts and passes on whole chunks. One thread, the writer,
//! owns every log file. Between them is one queue, bounded in bytes: a disk that hangs makes a
//! worker wait for a second at most, then output is dropped and counted. The history, a bounded
//! memory of the latest chunks, answers `tail` and `follow`; older lines are read back from the
//! session log, as all are where no arcanos runs.
//!
//! Nothing here knows about processes or decides what is worth a line. At rest, a worker costs one
//! sleeping task for each pipe: buffers, open files and timers belong to the busy ones.
//!
//! Tasks and channels: the capture tasks belong to their callers; the writer ends, once it has
//! written what was queued, when the last [`Logs`] and [`WorkerLog`] is dropped.

mod capture;
mod chunk;
mod follow;
mod format;
mod history;
mod holders;
mod hub;
mod line;
mod line_watch;
mod log_errors;
mod log_file;
mod offline;
mod open_files;
mod open_log;
mod query;
mod queue;
mod recall;
mod rotate;
mod shared;
mod shown_early;
mod tail;
mod worker_log;
mod writer;

#[cfg(test)]
mod tests;

pub use capture::Source;
pub use follow::{FollowItem, Follower};
pub use hub::Logs;
pub use line::{LogLine, Stream};
pub use line_watch::LineWatch;
pub use offline::past_lines;
pub use query::TailQuery;
pub use tail::Tail;
pub use worker_log::WorkerLog;
