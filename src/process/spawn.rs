//! The spawner: has a launch prepared, asks a spawning thread for the process, and gives up what
//! hangs. See `spawn_thread` for the work itself.

use std::{
    future::Future,
    io,
    os::fd::OwnedFd,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustix::io::Errno;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    task::spawn_blocking,
};

use super::{
    command::{Command, SpawnError},
    half_born::HalfBorn,
    launch_turn::{LaunchTurn, TakenTurn},
    leader::{Launched, SpawnRequest, SpawnerInner},
    lookup,
    memory::MemoryWatch,
    proc,
    reaper::Reaper,
    run::Process,
    spawn_crew::{HELD_UP, SpawnCrew},
};
use crate::sync::lock;

/// How long the launch of a helper program, such as a probe, may take.
const SPAWN_LIMIT: Duration = Duration::from_secs(10);

/// The least time for a launch, however short the `start.timeout`: on a machine that is busy, one
/// may wait some hundred milliseconds for a processor.
const LEAST_LIMIT: Duration = Duration::from_secs(1);

/// Makes processes. Cheap to clone; the last clone and the last [`Process`] end its threads.
#[derive(Clone)]
pub struct Spawner {
    inner: Arc<SpawnerInner>,
    crew: Arc<SpawnCrew>,
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
        let (crew, requests) = SpawnCrew::start()?;
        let signals = signals.abort_handle();
        let inner = SpawnerInner { requests, reaper, signals };
        Ok(Self { inner: Arc::new(inner), crew })
    }

    /// Spawns a process and returns once it has executed its program.
    ///
    /// # Errors
    /// [`SpawnError`]; [`SpawnError::is_transient`] says which may pass by themselves.
    ///
    /// # Cancel safety
    /// A process whose spawn was cancelled is killed.
    pub async fn spawn(&self, command: Command) -> Result<Spawned, SpawnError> {
        self.launch(&LaunchTurn::default(), SPAWN_LIMIT, || Ok(command)).await
    }

    /// Spawns what `prepare` says, which may block: it has a thread of its own. Waits for the
    /// launch before it that had the same turn.
    ///
    /// `limit` is for all of this together, and at least 1 s. A disk or a user directory that does
    /// not answer within it is left to itself, with its thread: others launch meanwhile.
    ///
    /// # Errors
    /// What `prepare` returns, [`SpawnError::Hangs`], and those of [`Spawner::spawn`].
    ///
    /// # Cancel safety
    /// As [`Spawner::spawn`].
    pub async fn launch(
        &self,
        turn: &LaunchTurn,
        limit: Duration,
        prepare: impl FnOnce() -> Result<Command, SpawnError> + Send + 'static,
    ) -> Result<Spawned, SpawnError> {
        let limit = limit.max(LEAST_LIMIT);
        let half_born = Arc::new(HalfBorn::default());
        let step = Mutex::new("the launch before it has not come to an end");
        let taken = turn.take(Arc::clone(&half_born));
        let steps = self.take_steps(taken, &step, prepare);
        let timely = tokio::time::timeout(limit, self.watched(half_born, steps)).await;
        let late = |_| Err(SpawnError::Hangs { step: *lock(&step), limit });
        let launched = timely.unwrap_or_else(late)?;
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

    /// Drives a launch. As long as it takes, another thread takes over from those that are held
    /// up, and a child that somebody stopped before its program runs is let go on.
    async fn watched(
        &self,
        half_born: Arc<HalfBorn>,
        launch: impl Future<Output = Result<Launched, SpawnError>>,
    ) -> Result<Launched, SpawnError> {
        let watched = GivesUp(half_born);
        let mut launch = std::pin::pin!(launch);
        loop {
            if let Ok(launched) = tokio::time::timeout(HELD_UP, &mut launch).await {
                return launched;
            }
            self.crew.relieve();
            watched.0.resume();
        }
    }

    async fn take_steps(
        &self,
        turn: impl Future<Output = TakenTurn>,
        step: &Mutex<&'static str>,
        prepare: impl FnOnce() -> Result<Command, SpawnError> + Send + 'static,
    ) -> Result<Launched, SpawnError> {
        let turn = turn.await;
        *lock(step) =
            "the disk of its file, program or folder, or the user directory, does not answer";
        // The turn goes with the work, which nothing can end.
        let look_up = move || (prepare().and_then(lookup::look_up), turn);
        let gone = || SpawnError::before("reach the spawning thread", Errno::AGAIN);
        let (found, turn) = spawn_blocking(look_up).await.map_err(|_| gone())?;
        let found = found?;
        *lock(step) = "its process does not come to execute the program";
        let (reply, answer) = oneshot::channel();
        let request = SpawnRequest { found, turn, spawner: Arc::clone(&self.inner), reply };
        self.inner.requests.send(request).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// Gives a launch up that nobody waits for any more. Does nothing to one that is over.
struct GivesUp(Arc<HalfBorn>);

impl Drop for GivesUp {
    fn drop(&mut self) {
        self.0.give_up();
    }
}
