//! Processes: how a run is spawned, signalled, watched, counted and wholly ended.
//!
//! Linux only. A run is one child process, the *leader*, with a process group of its own and all
//! that it starts. [`Spawner`] makes it, [`Process`] is the handle of its owner, [`Channel`] speaks
//! Node's `fork()` protocol with it, [`prepare_node`] turns a file into a task, [`end_leftovers`]
//! ends what a dead instance of arcanos left.
//!
//! This room decides nothing: when to start, stop or restart belongs to the engine, and the bytes
//! of stdout and stderr belong to the logs.
//!
//! Threads: `arcanos-spawn` lives as long as any run, because the death signal of a child is bound
//! to the thread that spawned it, and there are more of that name once a launch has hung (see
//! `spawn_crew`); `arcanos-reap` reaps the orphans that the kernel gives to us. One
//! tokio task passes SIGCHLD on to the latter. What a launch looks up on disks and
//! in user directories is looked up on a blocking thread of tokio. Channels: requests to `arcanos-spawn` (bounded), and
//! a oneshot for each answer.
//!
//! Invariant: every child of arcanos is spawned here. The parent thread distinguishes orphans from
//! our own children: the kernel gives orphans to the main thread, and only the threads `arcanos-spawn` clone.
//! A child that the main thread spawned by other means could be reaped as an orphan.

mod activation;
mod cgroup;
mod channel;
mod command;
mod half_born;
mod identity;
mod launch_turn;
mod leader;
mod leftovers;
mod lookup;
mod memory;
mod plan;
mod proc;
mod reaper;
mod rlimit;
mod rlimit_tag;
mod run;
mod runner;
mod spawn;
mod spawn_crew;
mod spawn_thread;
mod sys;
#[cfg(test)]
mod tests;

pub use activation::adopt_sockets;
#[cfg(feature = "internals")]
pub use channel::Decoder;
pub use channel::{Channel, Incoming};
pub use command::{Command, SpawnError};
pub use launch_turn::LaunchTurn;
pub use leftovers::end_leftovers;
pub use memory::MemoryWatch;
pub use proc::usage;
pub use rlimit::{forbid_core_dumps, raise_descriptor_limit};
pub use run::Process;
pub use runner::prepare_node;
pub use spawn::{Spawned, Spawner};

/// Gives memory that is no longer needed back to the system, pages of code included. Takes about a
/// millisecond; for quiet moments.
pub fn give_memory_back() {
    sys::give_heap_back();
    sys::give_code_back();
}
