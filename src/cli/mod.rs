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
mod run;
mod start_workers;
mod supervise;
pub fn load_tmp(globals: &Globals) -> Result<(crate::engine::Source, crate::config::Loaded), Failure> {
    let file = std::fs::canonicalize(globals.config.clone().unwrap_or("arcanos.toml".into())).unwrap();
    let mut s = crate::engine::Source::new(file, globals.profile.clone(), vec![], std::env::vars().collect());
    match s.look() { crate::engine::Look::Loaded(l) => Ok((s, *l)), crate::engine::Look::Bad(f) => Err(Failure::new(2, f.pretty)), _ => panic!() }
}
pub fn main_tmp(cli: Cli) -> Result<u8, Failure> {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async { match cli.command { Some(Command::StartWorkers(s)) => start_workers::start_workers(&cli.globals, s.every).await, _ => run::run(&cli.globals).await } })
}
