//! The `arcanos` program: reads the command line, has it done, and ends with its exit code.

use std::process::ExitCode;

use arcanos::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(usage) => {
            // Help goes to stdout, bad usage to stderr; a reader that left is not a failure.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(cli::exit::BAD_USAGE));
        }
    };
    match cli::dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => cli::report(&failure),
    }
}
