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
//! Floor 4 holds a [`Handle`]: a picture to read and verbs to say. It never sees a process.

mod board;
mod clock;
mod exposure;
mod eye;
mod foresight;
mod governor;
mod handle;
mod local;
mod lookout;
mod model;
mod prepare;
mod reconciler;
mod report;
mod runtime;
mod source;
mod start;
mod stumble;

pub use handle::{CommandError, ForesightError, Handle, Ticket, Verb, WorkerFailed};
pub use report::{ConfigReport, DiscoveryReport, ReloadCounters, ServerSettings};
pub use source::{Fault, Look, Source};
pub use start::{Engine, EngineError, Options};
pub(crate) use stumble::stumble;

#[cfg(test)]
pub(crate) use {
    board::Board,
    handle::{Request, Shared},
    runtime::{Pending, Runtime},
};
