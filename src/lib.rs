//! arcanos: a config-driven supervisor with hot reload for AI workers.
//!
//! # The idea
//!
//! The disk says what should run. **Observe** config and folder → **plan** (pure: the specs that
//! should run, and how they differ from what runs) → **act** (the runtime makes it so: one task a
//! worker drives one pure state machine) → **publish** (one immutable snapshot and a stream of
//! events) → **show** (HTTP, command line, metrics). Every wake-up, whatever its cause, leads to
//! the same pass. No event is ever interpreted: it only says that some names must be read again,
//! and what happened there the disk says. What no event reported is found at the next interval.
//!
//! ```text
//! arcanos.toml, env ─► config ─► Config ──────┐
//! workers/ ─► files::Scanner ─► Listing ──────┴► plan::desired ─► Desired ─┐
//!             discovery::judge                  what runs (the runtime) ─┴► plan::reconcile ─► Plan
//! Action ─► engine::Runtime (local: a task a worker) ─► worker::Machine ─► Effect ─► process, logs
//!                ▲────────── Spawned, Ready, Exited, Deadline ─────┘
//! worker tasks ─► engine's board { snapshot, events } ─► server, cli, metrics
//! ```
//!
//! A thread of the engine, the observer, reads the disk. At rest it wakes once an interval and checks
//! that nothing has changed; beside it only the thread that keeps the state directory in place wakes,
//! every 30 s. `GET /plan` and `arcanos check` do the same pass on a copy
//! of what the reconciler knows, and stop before the act.
//!
//! # Words
//!
//! | word | is |
//! |---|---|
//! | worker | what one file in the folder of workers is run as; named by its id |
//! | run | one launch of a worker, from spawn to exit, with everything it starts; named by its run id |
//! | instance | one arcanos process, distinguished from all others; run ids begin with its id |
//! | instance name | what a runtime calls the thing that runs a worker now (local: the pid) |
//! | candidate | in discovery, a file that a rule accepts; in an overlap, the new run beside the old one |
//! | verdict | what discovery says of one file, and why |
//! | spec | all that a worker should be: its launch and its policy |
//! | launch | the half of a spec whose change needs another run: command, environment, limits, content |
//! | policy | the half of a spec that changes in place: restarts, schedule, timeouts |
//! | fingerprint | a digest of the files that a worker is made of |
//! | desired | the specs of all workers that should run |
//! | probe | a question that a run is asked again and again, to know that it works |
//! | plan | the difference between desired and what runs: entries, each with a change and its causes |
//! | pass | observe, plan, act and publish, once |
//! | generation | counts the passes that changed something |
//! | snapshot | everything that readers may see, at one moment; never changed, only replaced |
//! | board | holds the snapshot and the last events |
//! | epoch | counts the commands of people to a worker, so that a waiter knows which view shows its own |
//! | attempt | one restart after a failure; spent and forgiven by the restart policy |
//! | permit | the right to launch a run now; only so many are out at once |
//! | runtime | runs workers: `engine::local` as child processes |
//! | preparation | installing the packages of the folder before anything launches |
//! | upstream | the model server behind the workers; the stand-in is one of our own |
//!
//! # Modules and floors
//!
//! A module uses the floors below it, never one above, and siblings only where the table says so. A
//! test checks this.
//!
//! | floor | module | holds |
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
//! | 2 | `http` | what each HTTP server of arcanos listens with: accept loop, connections, deadlines; the client |
//! | 2 | `probe` | asks once whether a run works (uses process, http) |
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
//! 1. **Two kinds of change, two types.** [`domain::Launch`] differs → the run is
//!    replaced; [`domain::Policy`] differs → changed in place. `==` on each half is the whole
//!    question.
//! 2. **Level, not edge.** Waiters wait on values. A doubled or reordered event changes nothing; a
//!    lost one delays what it would have reported, by an interval at most. Whether a program still
//!    writes to a file is asked of the kernel, not guessed from events.
//! 3. **One owner for each worker.** Its task alone starts, signals and reaps it.
//! 4. **`select!` only names the event.** A synchronous handler decides; effects follow.
//! 5. **Every channel is bounded**, and its size is a constant with a reason.
//! 6. **Readers share the last snapshot** and hold no lock while they use it. A slow reader loses its
//!    place in the events, never the server's time.
//! 7. **Runs are the runtime's business.** Nothing above `engine::local` knows of pids, process groups
//!    or processes of workers.
//! 8. **Facts are typed**, and turned into words where they are shown. No code reads meaning back from
//!    a sentence.
//! 9. **Secrets never leave**: every writer goes through the one redactor.
//!
//! # What other crates see
//!
//! [`cli`], which the program calls. Every other module is private to the crate, so that the compiler
//! finds what nobody uses. The feature `internals` adds a module of that name, which hands the
//! benchmark `pure` and the fuzz targets the parts that they call.

pub mod cli;
mod config;
mod discovery;
mod domain;
mod engine;
mod failpoint;
mod files;
mod http;
#[cfg(feature = "internals")]
pub mod internals;
mod openai;
mod plan;
mod probe;
mod process;
mod procfs;
mod server;
mod sync;
mod text;
mod timer;
mod worker;
