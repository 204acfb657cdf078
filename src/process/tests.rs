//! Real processes: `/bin/sh` and `node`. Everything waits for a state with a deadline.

mod channel;
mod ending;
mod hanging;
mod spawning;
mod task_ends;
mod tasks;

use std::{
    future::Future,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver};

use super::{Channel, Command, Incoming, Spawned, Spawner, prepare_node, proc};
use crate::{
    domain::{Exit, Limits, Mode, RunId, Stdin},
    procfs,
};

/// Longer than anything takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

static RUNS: AtomicU64 = AtomicU64::new(0);

fn command(program: &str, args: &[&str]) -> Command {
    let path = std::env::var_os("PATH")
        .map(|path| crate::domain::os_text::kept_os(&path))
        .unwrap_or_default();
    let instance = format!("test{}", std::process::id());
    Command {
        program: program.to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        env: vec![("PATH".to_owned(), path)],
        cwd: PathBuf::from("/"),
        ipc: false,
        stdin: Stdin::Null,
        limits: Limits::default(),
        user: None,
        new_privileges: false,
        run: RunId::new(&instance, RUNS.fetch_add(1, Ordering::Relaxed)),
    }
}

fn sh(script: &str) -> Command {
    command("sh", &["-c", script])
}

fn node(file: &Path, mode: Mode, input: Option<&str>) -> Command {
    let mut command = command("node", &[&file.display().to_string()]);
    command.ipc = true;
    command.cwd = file.parent().expect("a folder").to_owned();
    prepare_node(&mut command, file, mode, input).expect("node can be prepared");
    command
}

/// What a run did, from its spawn to its end.
#[derive(Debug)]
struct Done {
    exit: Exit,
    stdout: String,
    stderr: String,
    said: Vec<Incoming>,
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DEADLINE, work).await;
    done.expect("it happens before the deadline")
}

async fn spawn(spawner: &Spawner, command: Command) -> Spawned {
    within(spawner.spawn(command)).await.expect("it spawns")
}

async fn finish(spawned: Spawned) -> Done {
    let Spawned { mut process, stdout, stderr, channel, .. } = spawned;
    let said = async {
        let mut said = Vec::new();
        if let Some(fd) = channel {
            let mut channel = Channel::new(fd).expect("a channel");
            while let Some(incoming) = channel.recv().await {
                said.push(incoming);
            }
        }
        said
    };
    let all = async { tokio::join!(process.exited(), text(stdout), text(stderr), said) };
    let (exit, stdout, stderr, said) = within(all).await;
    Done { exit, stdout, stderr, said }
}

async fn run(command: Command) -> Done {
    let spawner = Spawner::start().expect("threads");
    finish(spawn(&spawner, command).await).await
}

/// All that comes until the end.
async fn text(fd: OwnedFd) -> String {
    let mut receiver = Receiver::from_owned_fd(fd).expect("a pipe");
    let mut bytes = Vec::new();
    receiver.read_to_end(&mut bytes).await.expect("it reads");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The first line that comes.
async fn first_line(fd: &mut Receiver) -> String {
    let mut line = Vec::new();
    let read = async {
        while let Ok(byte) = fd.read_u8().await {
            if byte == b'\n' {
                break;
            }
            line.push(byte);
        }
    };
    within(read).await;
    String::from_utf8_lossy(&line).into_owned()
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn is_alive(pid: u32) -> bool {
    procfs::stat(pid).is_some_and(|stat| stat.is_alive())
}

fn pid(text: &str) -> u32 {
    text.trim().parse().expect("a process id")
}
