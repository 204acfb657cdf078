//! The tokio tasks that join the floors.

pub(crate) mod board;
pub(crate) mod handle;
pub(crate) mod report;
pub(crate) mod runtime;

pub use handle::{CommandError, Handle, Ticket, Verb, WorkerFailed};
pub use report::{ConfigReport, DiscoveryReport, ServerSettings};
