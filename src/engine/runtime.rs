//! The runtime: the interface to whatever runs the workers.
//!
//! The engine decides what should run; a runtime makes it run and reports on the board what became
//! of it. Nothing above [`local`](super::local) knows of a pid, a process group or a process: that
//! runtime runs workers as child processes, and another one may run them elsewhere.

use std::{future::Future, net::SocketAddr, path::PathBuf, pin::Pin, sync::Arc};

use tokio::sync::watch;

use crate::{
    domain::{Command, Concurrency, Fingerprint, Usage, WorkerId, WorkerSpec},
    engine::{board::Board, command::CommandError},
    files::{Rescan, logs::Logs, state::StateDir},
    plan::Installed,
};

/// A future that a runtime returns.
pub(crate) type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs workers.
pub(crate) trait Runtime: Send + Sync {
    /// The spec that the runtime was last given for each worker, in order of ids.
    fn observe(&self) -> Vec<Arc<WorkerSpec>>;

    /// The worker should be like this from now on. The worker's own policy decides what that means
    /// for its run. When this returns, the board shows the worker.
    fn ensure(&self, spec: Arc<WorkerSpec>);

    /// The worker should be gone.
    fn remove(&self, id: &WorkerId);

    /// Carries out a person's request. Returns the epoch from which on the worker's view shows it
    /// done.
    fn command<'a>(
        &'a self,
        id: &'a WorkerId,
        command: Command,
    ) -> Pending<'a, Result<u64, CommandError>>;

    /// Stops a worker once those have stopped that were launched after it and were asked to stop
    /// before it. A later start, restart or stop goes over a stop that still waits. Returns the
    /// epoch from which on the worker's view shows it done.
    fn stop_in_turn<'a>(&'a self, id: &'a WorkerId) -> Pending<'a, Result<u64, CommandError>>;

    /// What the run of each of these workers uses now, in their order; `None` for a worker without
    /// a run.
    fn usage<'a>(&'a self, workers: &'a [WorkerId]) -> Pending<'a, Vec<Option<Usage>>>;

    /// How many runs may launch at once from now on.
    fn set_concurrency(&self, limit: Concurrency);

    /// Installs packages where they are not installed, and holds launches back until
    /// [`Runtime::admit`]. Returns at once; a failure is shown on the board, and tried again later.
    fn prepare(&self, packages: Option<Packages>) -> Preparation;

    /// Packages that could not be installed are tried at once: a person asked for it.
    fn retry_packages(&self);

    /// Lets runs launch that waited for packages, unless those are still being installed.
    fn admit(&self);

    /// Asks all runs to end, before this returns, and waits until they are gone. No request is
    /// carried out any more, and no worker is started.
    fn shut_down(&self) -> Pending<'_, ()>;

    /// Kills all runs; [`Runtime::shut_down`] then ends soon.
    fn kill(&self);
}

/// How far the installation of packages has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preparation {
    /// They are there, or there are none to install.
    Done,
    /// They are being installed, or it is found out whether they must be.
    UnderWay,
    /// It failed.
    Failed,
}

/// Packages that the workers need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packages {
    /// The program that installs them, with its arguments.
    pub(crate) command: Vec<String>,
    /// The folder of the lock file, absolute: where the command runs.
    pub(crate) folder: PathBuf,
    /// Where they come to be.
    pub(crate) modules: PathBuf,
    /// The lock file.
    pub(crate) lock_file: PathBuf,
    /// A digest of it.
    pub(crate) digest: Fingerprint,
}

impl Packages {
    /// What is installed once these are.
    pub(crate) fn installed(&self) -> Installed {
        Installed { lock_file: self.lock_file.clone(), digest: self.digest, is_late: false }
    }
}

/// What the engine gives a runtime to work with.
pub(crate) struct RuntimeContext {
    /// Where the runtime shows its workers.
    pub(crate) board: Arc<Board>,
    /// Where it writes the output of runs.
    pub(crate) logs: Logs,
    /// Where it remembers what outlives this arcanos.
    pub(crate) state: Arc<StateDir>,
    /// The id of this arcanos, with which the ids of its runs begin.
    pub(crate) instance: String,
    /// Where the status server listens; runs get it as `ARCANOS_URL`.
    pub(crate) address: watch::Receiver<Option<SocketAddr>>,
    /// How often the wall clock was set.
    pub(crate) clock_jumps: watch::Receiver<u64>,
    /// Makes the reconciler compare again what should run with what does.
    pub(crate) rescan: Rescan,
    /// How many runs may launch at once.
    pub(crate) concurrency: Concurrency,
}
