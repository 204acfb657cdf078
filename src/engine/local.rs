//! The local runtime: workers as child processes of arcanos.
//!
//! Each worker has one task, which alone starts, signals and reaps its runs ([`task`]). Each run
//! has one task, which waits for its process and moves what comes out of it ([`run`]).
//!
//! Channels, all to a worker's task: `target`, a [`Latest`](sync::latest::Latest) of what the
//! worker should be; `requests`, a [`Mailbox`](sync::mailbox::Mailbox) of what people ask, each
//! with the way back of its answer; `phase`, a `watch` of whether arcanos ends; `clock`, a `watch`
//! of how often the wall clock was set.

mod context;
mod end_facts;
mod evidence;
mod gate;
mod launch;
mod launch_limiter;
mod live_run;
mod packages;
mod panic_cleanup;
mod probing;
mod run;
mod runtime;
mod schedule;
mod schedule_keeper;
mod sync;
mod task;

pub use runtime::end_leftovers;
pub(super) use runtime::{give_memory_back, start};
