//! The command line: what is asked, of whom, and how the answer is shown.
//!
//! One file a subcommand. Nothing here touches a worker's process or files: what runs is asked
//! over HTTP, what would run is read from the disk as the engine reads it.

mod args;
mod client;
mod completions;
pub mod exit;
mod interrupt;
mod load;
mod logs;
mod plan_lines;
mod status;
mod telemetry;
mod terminal;
mod verbs;
mod wire;

pub use args::{Cli, Command, Globals};
pub use exit::Failure;
pub use telemetry::Telemetry;
