//! The `arcanos` program.
use clap::Parser;
fn main() -> std::process::ExitCode {
    match arcanos::cli::main_tmp(arcanos::cli::Cli::parse()) { Ok(c) => c.into(), Err(f) => { eprintln!("{f}"); f.code().into() } }
}
