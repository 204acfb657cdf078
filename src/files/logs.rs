//! The logs: what workers write and what happens to them, kept, rotated, remembered and shown.
//!
//! A capture task a pipe reads, redacts and hands on whole chunks; one thread of its own, the
//! writer, owns every log file. In between stands one queue, bounded in bytes: a disk that hangs
//! makes a worker wait for a second at most, then output is dropped and counted. A memory of the
//! latest chunks, bounded too, answers `tail` and `follow`; older lines come from the session log.
//!
//! Nothing here knows about processes or decides what is worth a line. At rest a worker costs a
//! sleeping task a pipe: buffers, open files and timers belong to whoever is busy.
//!
//! Tasks and channels: the capture tasks belong to their callers; the writer ends, once it has
//! written what was queued, when the last [`Logs`] and [`WorkerLog`] is dropped.

mod capture;
mod chunk;
mod follow;
mod form;
mod history;
mod hub;
mod line;
mod log_errors;
mod log_file;
mod open_files;
mod open_log;
mod partial_secret;
mod query;
mod queue;
mod recall;
mod rotate;
mod shared;
mod worker_log;
mod writer;

#[cfg(test)]
mod tests;

pub use follow::{FollowItem, Follower};
pub use hub::{LogError, Logs};
pub use line::{LogLine, Stream, UnknownStream};
pub use query::TailQuery;
pub use worker_log::WorkerLog;
