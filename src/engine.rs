//! The tokio tasks that join the floors.
//!
//! | task | does | ends |
//! |---|---|---|
//! | reconciler | has the disk looked at, plans, acts, publishes | at shutdown, first |
//! | lookout, a thread | looks at the disk; at rest, whether all is as left | after the reconciler |
//! | one a worker, one a run (`local`) | live the worker's life | when the worker is gone |
//! | clock | notices that the wall clock was set | with the engine |
//! | the preflight, the preparation | ask the upstream; install packages | by themselves |
//!
//! Floor 4 holds a [`Handle`]: a snapshot to read and verbs to say. It never sees a process.

mod board;
mod clock;
mod command;
mod handle;
mod local;
mod observe;
mod reconcile;
mod report;
mod runtime;
mod start;

pub use command::{CommandError, PreviewError, WorkerFailed};
pub use handle::{Handle, Ticket};
pub use local::end_leftovers;
pub use observe::config_source::{ConfigFault, LoadOutcome, Source};
pub use report::{ConfigReport, DiscoveryReport, ReloadCounters, ServerSettings};
pub use start::{Engine, EngineError, Options};

#[cfg(test)]
pub(crate) use {
    board::Board,
    handle::{Request, Shared},
    runtime::{Packages, Pending, Runtime},
};
