//! The engine: makes what runs follow what the disk says, with tokio tasks.
//!
//! Its folders are the steps: `observe` reads the disk, `reconcile` plans, acts on the
//! `runtime` and publishes on the `board`; `local` is the runtime that runs workers as child
//! processes. The floor above holds a [`Handle`]: it reads the snapshot and sends commands.
//!
//! | task | does | ends |
//! |---|---|---|
//! | reconciler | has the disk read, plans, acts, publishes | at shutdown, first |
//! | observer, a thread | reads the disk; at rest checks that nothing changed | after the reconciler |
//! | one a worker, one a run (`local`) | carry out what the worker's machine decides | when the worker is gone |
//! | clock | notices that the wall clock was set | with the engine |
//! | preflight, preparation | ask the upstream; install packages | by themselves |

mod blocking;
mod board;
mod clock;
mod command;
mod handle;
mod local;
mod local_zone;
mod observe;
mod reconcile;
mod report;
mod runtime;
mod start;

pub use command::{CommandError, PreviewError, WorkerFailed};
pub use handle::{Handle, Ticket};
pub use local::end_leftovers;
pub use local_zone::local_zone_problem;
pub use observe::config_source::Source;
pub use report::ServerSettings;
#[cfg(test)]
pub use report::{ConfigReport, DiscoveryReport};
pub use start::{Engine, Options};

#[cfg(test)]
pub(crate) use {
    board::Board,
    handle::{EngineShared, ReconcileRequest},
    runtime::{Packages, Pending, Preparation, Runtime},
};
