//! The command line: its arguments, the subcommands, and how results are printed.
//!
//! One file a subcommand. Nothing here touches a worker's process or files: what runs is asked
//! over HTTP, what would run is read from the disk as the engine reads it.

mod args;
mod check;
mod client;
mod command_line;
mod completions;
mod dispatch;
pub mod exit;
mod grid;
mod init;
mod json;
mod load;
mod logs;
mod plan_lines;
mod preflight;
mod run;
mod scan;
mod start_workers;
mod status;
mod supervise;
mod systemd;
mod telemetry;
mod terminal;
mod until_interrupt;
mod verbs;
mod why;
mod wire;

pub use args::{
    Cli, Command, Globals, Logs, RunTask, Signal, StartWorkers, Status, StreamName, SupportedShell,
    Why, Workers,
};
pub use dispatch::{dispatch, report};
pub use exit::Failure;
