//! Calls the subcommand that the command line names.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use tokio::runtime;

use crate::{
    cli::{
        args::{Cli, Command, Globals},
        check, completions,
        exit::{self, Failure},
        init, json, logs, run, scan, start_workers, status,
        terminal::{Colours, Output, Tone},
        verbs, why,
    },
    config,
};

/// Does what the command line says.
///
/// # Errors
/// Why it was not done, with the exit code.
pub fn dispatch(cli: Cli) -> Result<(), Failure> {
    let Cli { globals, command } = cli;
    match command {
        None | Some(Command::Run) => run::run(&globals),
        Some(Command::StartWorkers(args)) => start_workers::run(&globals, &args),
        Some(command) => {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| {
                Failure::new(exit::FAILED, format!("cannot start the runtime: {error}"))
            })?;
            runtime.block_on(short(&globals, command))
        }
    }
}

/// Says on stderr why something was not done, and gives the exit code.
#[must_use]
pub fn report(failure: &Failure) -> ExitCode {
    if !failure.message().is_empty() {
        let colours = Colours::of(&io::stderr());
        let error = colours.paint(Tone::Bad, "error:");
        let hint = colours.paint(Tone::Strong, "hint:");
        let text = failure.to_string();
        let lines = text.lines().map(|line| match line.split_once(' ') {
            Some(("error:", rest)) => format!("{error} {rest}\n"),
            Some(("hint:", rest)) => format!("{hint} {rest}\n"),
            _ => format!("{line}\n"),
        });
        // A closed stderr has no reader, so a failed write is ignored.
        let _ = io::stderr().lock().write_all(lines.collect::<String>().as_bytes());
    }
    ExitCode::from(failure.code())
}

/// The commands that come to an end by themselves.
async fn short(globals: &Globals, command: Command) -> Result<(), Failure> {
    let out = &mut Output::stdout();
    match command {
        Command::Run | Command::StartWorkers(_) => Ok(()),
        Command::Check => check::run(globals, out).await,
        Command::Scan => scan::run(globals, out).await,
        Command::Why(args) => why::run(globals, &args, out).await,
        Command::Status(args) => status::run(globals, &args, out).await,
        Command::Logs(args) => logs::run(globals, &args, out).await,
        Command::Start(args) => verbs::workers(globals, verbs::Verb::Start, &args, out).await,
        Command::Stop(args) => verbs::workers(globals, verbs::Verb::Stop, &args, out).await,
        Command::Restart(args) => verbs::workers(globals, verbs::Verb::Restart, &args, out).await,
        Command::Signal(args) => verbs::signal(globals, &args, out).await,
        Command::RunTask(args) => verbs::run_task(globals, &args, out).await,
        Command::Reload => verbs::reload(globals, out).await,
        Command::Init => init::run(globals, out),
        Command::Schema => {
            out.line(&json::pretty(&config::schema()))?;
            Ok(out.flush()?)
        }
        Command::Completions { shell } => completions::run(shell, out),
        Command::Man => completions::man(out),
        Command::Ids => scan::ids(globals, out).await,
    }
}
