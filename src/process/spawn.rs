//! The spawner: asks the spawning thread for processes. See `spawn_thread` for the work itself.

use std::{io, os::fd::OwnedFd, sync::Arc, thread, time::Duration};

use rustix::io::Errno;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
};

use super::{
    command::{Command, SpawnError},
    leader::{Launched, SpawnRequest, SpawnerInner},
    memory::MemoryWatch,
    proc,
    reaper::Reaper,
    run::Process,
    spawn_thread::SpawnThread,
};

/// Spawns that may wait for the thread; more wait in their callers.
const QUEUE: usize = 64;

/// How long a spawn may take: an executable on a dead network mount never answers, and the thread
/// with it. Then callers get an answer at least.
const SPAWN_LIMIT: Duration = Duration::from_secs(10);

/// The stack of the thread, in bytes; children have another.
const STACK_SIZE: usize = 256 * 1024;

/// Makes processes. Cheap to clone; the last clone and the last [`Process`] end its threads.
#[derive(Clone)]
pub struct Spawner {
    inner: Arc<SpawnerInner>,
}

/// A new process and our ends of what it was given. The descriptors do not block and are closed
/// by exec.
pub struct Spawned {
    /// Its handle.
    pub process: Process,
    /// What keeps its stdin from ending, to be held until it has exited; `None` if that is
    /// `/dev/null`. Nothing is ever written to it.
    pub stdin: Option<OwnedFd>,
    /// What it writes to stdout.
    pub stdout: OwnedFd,
    /// What it writes to stderr.
    pub stderr: OwnedFd,
    /// Our end of the Node channel, for [`Channel::new`](super::Channel::new).
    pub channel: Option<OwnedFd>,
    /// Its memory, if that has a limit which the kernel does not hold.
    pub memory: Option<MemoryWatch>,
    /// What could not be done for it, in words: a limit that this machine cannot hold.
    pub warnings: Vec<String>,
}

impl Spawner {
    /// Makes arcanos the reaper of all that its runs leave behind, and starts the threads.
    ///
    /// # Errors
    /// The machine has no thread, descriptor or signal handler for us.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start() -> io::Result<Self> {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        if proc::adopted().is_none() {
            tracing::warn!("This kernel does not list our orphans; they are not ended.");
        }
        let reaper = Reaper::start()?;
        let mut deaths = signal(SignalKind::child())?;
        let of_task = Arc::clone(&reaper);
        let signals = tokio::spawn(async move {
            while deaths.recv().await.is_some() {
                of_task.on_child_death();
            }
        });
        let (requests, queue) = mpsc::channel(QUEUE);
        let spawn_thread = SpawnThread::new()?;
        thread::Builder::new()
            .name("arcanos-spawn".to_owned())
            .stack_size(STACK_SIZE)
            .spawn(move || spawn_thread.work(queue))?;
        let signals = signals.abort_handle();
        let inner = SpawnerInner { requests, reaper, signals };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Spawns a process and returns once it has executed its program.
    ///
    /// # Errors
    /// [`SpawnError`]; [`SpawnError::is_transient`] says which may pass by themselves.
    ///
    /// # Cancel safety
    /// A process whose spawn was cancelled is killed.
    pub async fn spawn(&self, command: Command) -> Result<Spawned, SpawnError> {
        let spawned = self.request(command);
        let late = SpawnError::ResourceShortage {
            step: "execute the program in time".to_owned(),
            errno: Errno::TIMEDOUT.raw_os_error(),
        };
        let launched = tokio::time::timeout(SPAWN_LIMIT, spawned).await.unwrap_or(Err(late))?;
        let process = Process::new(launched.leader).map_err(|error| {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::NOMEM);
            SpawnError::before("watch a process", errno)
        })?;
        Ok(Spawned {
            process,
            stdin: launched.ends.stdin,
            stdout: launched.ends.stdout,
            stderr: launched.ends.stderr,
            channel: launched.ends.channel,
            memory: launched.memory,
            warnings: launched.warnings,
        })
    }

    async fn request(&self, command: Command) -> Result<Launched, SpawnError> {
        let (reply, answer) = oneshot::channel();
        let request = SpawnRequest { command, spawner: Arc::clone(&self.inner), reply };
        let gone = || SpawnError::before("reach the spawning thread", Errno::AGAIN);
        let requests = &self.inner.requests;
        requests.send(request).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}
