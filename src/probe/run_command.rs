//! The probe by a command: exit code 0 is a success. Its output is read and dropped.

use std::os::fd::OwnedFd;

use tokio::{io, net::unix::pipe, time::sleep};

use super::question::Question;
use crate::{
    domain::{Exit, Limits, ProbeAnswer, ProbeCommand, Stdin, human_delay},
    process::{Command, Process, Spawned, Spawner},
};

/// How the wait for a command ended.
enum End {
    Exited(Exit),
    Late,
    Dropped,
}

/// Runs the command to its end, or kills it once it is late or nobody wants its answer.
pub(super) async fn run_command(
    command: &ProbeCommand,
    question: &Question<'_>,
    spawner: &Spawner,
) -> ProbeAnswer {
    let Some((program, args)) = command.command.split_first() else {
        return ProbeAnswer::Unknown;
    };
    let spawning = spawner.spawn(Command {
        program: program.clone(),
        args: args.to_vec(),
        env: command.env.0.clone().into_iter().collect(),
        cwd: command.cwd.clone(),
        ipc: false,
        stdin: Stdin::Null,
        limits: Limits::default(),
        user: None,
        new_privileges: false,
        run: question.id.clone(),
    });
    let spawned = tokio::select! {
        // Cancel-safe: a process whose spawn is cancelled is killed.
        spawned = spawning => spawned,
        () = question.dropped.cancelled() => return ProbeAnswer::Unknown,
    };
    let Spawned { mut process, stdout, stderr, .. } = match spawned {
        Ok(spawned) => spawned,
        Err(error) if error.is_transient() => return ProbeAnswer::Unknown,
        Err(error) => return ProbeAnswer::Bad(format!("cannot {error}")),
    };
    let end = tokio::select! {
        // Cancel-safe: an exit stays to be seen.
        exit = process.exited() => End::Exited(exit),
        () = sleep(question.probe.timeout) => End::Late,
        () = question.dropped.cancelled() => End::Dropped,
        () = discard(stdout, stderr) => End::Dropped,
    };
    let name = command.command.join(" ");
    match end {
        End::Exited(Exit::Code(0)) => ProbeAnswer::Good,
        End::Exited(exit) => ProbeAnswer::Bad(format!("`{name}` ended with {}", ending(exit))),
        End::Late => {
            end_now(&mut process).await;
            let limit = human_delay(question.probe.timeout);
            ProbeAnswer::Bad(format!("`{name}` did not end within {limit}"))
        }
        End::Dropped => {
            end_now(&mut process).await;
            ProbeAnswer::Unknown
        }
    }
}

async fn end_now(process: &mut Process) {
    process.kill();
    process.exited().await;
}

/// Reads both pipes, so that a command which prints is not held up; never done.
async fn discard(stdout: OwnedFd, stderr: OwnedFd) {
    let read = |fd: OwnedFd| async move {
        // A pipe that cannot be read is closed: then the command gets an error of its own.
        if let Ok(mut pipe) = pipe::Receiver::from_owned_fd(fd) {
            let _ = io::copy(&mut pipe, &mut io::sink()).await;
        }
    };
    tokio::join!(read(stdout), read(stderr));
    std::future::pending().await
}

fn ending(exit: Exit) -> String {
    match (exit.code(), exit.signal()) {
        (Some(code), _) => format!("code {code}"),
        (None, signal) => signal.unwrap_or_default(),
    }
}
