//! arcanos: a config-driven supervisor with hot reload for AI workers.
//!
//! # The idea in one breath
//!
//! The disk says what should run. **Read** config and folder → **plan** (pure: desired workers,
//! difference from what runs) → **act** (each worker's own task drives a pure state machine) →
//! **publish** (one immutable snapshot and a stream of events) → **show** (HTTP, command line,
//! metrics). Every wake-up, whatever its cause, takes this same way. No event is ever
//! interpreted; it only says "look again", and at which names: what happened there, the disk
//! says. What no event told of is found by the interval.
//!
//! ```text
//! arcanos.toml, env ─► config ─► Config ──────┐
//! workers/ ─► files::Scanner ─► Listing ──────┴► plan::desired ─► Desired ─┐
//!             discovery::judge                      what runs (the board) ─┴► plan::reconcile ─► Plan
//! Action ─► engine::Runtime (local: a task a worker) ─► worker::Machine ─► Effect ─► process, logs
//!                ▲────────── Spawned, Ready, Exited, Deadline ─────┘
//! worker tasks ─► engine's board { snapshot, occurrences } ─► server, cli, metrics
//! ```
//!
//! The reading is done by a thread of the engine, the lookout; at rest it alone wakes, once an
//! interval, and asks whether all is as it was left. `GET /plan` and `arcanos check` take the same
//! way on a copy of what the reconciler knows, and stop before the act.
//!
//! # Rooms and floors
//!
//! A room uses the floors below it, never one above, and siblings only where said. A test holds
//! this.
//!
//! | floor | room | holds |
//! |---|---|---|
//! | 0 | [`domain`] | the words of arcanos as types; std, serde and jiff's timestamp |
//! | 0 | `sync` | locks a mutex, also one that is poisoned |
//! | 1 | [`text`] | redactor, escapes, line splitting |
//! | 1 | [`config`] | text in, a checked [`config::Config`] or located errors out |
//! | 1 | [`discovery`] | which file is a worker, and why (uses config) |
//! | 1 | [`plan`] | what should run, and the difference from what does (uses config, discovery) |
//! | 1 | [`worker`] | one worker's life, without I/O |
//! | 2 | `failpoint` | panics that tests trigger on purpose |
//! | 2 | `timer` | waits for a moment that may never come |
//! | 2 | `procfs` | what `/proc` says about a process (for process and files) |
//! | 2 | [`process`] | spawn, groups, descendants, the Node channel, the task runner, limits |
//! | 2 | [`files`] | scan, watch, bounded reads, logs, the state directory |
//! | 2 | `http` | accept loop, connections, deadlines: what each HTTP server of arcanos listens with |
//! | 2 | [`openai`] | the preflight and the stand-in: all use of async-openai (uses http) |
//! | 3 | [`engine`] | the tokio tasks that join the floors |
//! | 4 | [`server`] | guard, routes, streams, dashboard, metrics |
//! | 4 | [`cli`] | arguments and one file a subcommand |
//!
//! Floors 0 and 1 never await, read no clock and open nothing: they are tested with tables and
//! random worlds. Floor 4 sees the domain and the engine's [`engine::Handle`]; it never touches a
//! process or a worker's file.
//!
//! # Rules that keep it true
//!
//! 1. **Two kinds of change, told apart by type.** [`domain::Launch`] differs → the run is
//!    replaced; [`domain::Policy`] differs → changed in place. `==` on each half is the whole
//!    question.
//! 2. **Level, not edge.** Waiters wait on values; a doubled or reordered event changes nothing, a
//!    lost one only delays what it would have told, by an interval at most. Whether a program still
//!    writes to a file is asked of the kernel, not guessed from events.
//! 3. **One owner for each worker.** Its task alone starts, signals and reaps it.
//! 4. **`select!` only names the event.** A synchronous handler decides; effects follow.
//! 5. **Every channel is bounded**, and its size is a constant with a reason.
//! 6. **Readers take the last snapshot** and hold no lock. A slow reader loses its place, never
//!    the server's time.
//! 7. **Runs are the runtime's business.** Nothing above `engine::runtime` knows of processes.
//! 8. **Secrets never leave**: every writer goes through the one redactor.

pub mod cli;
pub mod config;
pub mod discovery;
pub mod domain;
pub mod engine;
pub(crate) mod failpoint;
pub mod files;
pub(crate) mod http;
pub mod openai;
pub mod plan;
pub mod process;
pub(crate) mod procfs;
pub mod server;
pub(crate) mod sync;
pub mod text;
pub(crate) mod timer;
pub mod worker;
