//! What the engine asks of whatever runs the workers.
//!
//! Nothing above this line knows of processes: [`local`](super::local) runs them as children, and
//! another runtime may run them elsewhere.

use std::{future::Future, pin::Pin, sync::Arc};

use crate::{
    domain::{Command, Usage, WorkerId, WorkerSpec},
    engine::command::CommandError,
};

/// A future that a runtime hands out.
pub(crate) type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs workers.
pub(crate) trait Runtime: Send + Sync {
    /// The spec that each worker it knows was last told of, in order of ids.
    fn observe(&self) -> Vec<Arc<WorkerSpec>>;

    /// From now on the worker should be like this; what that means for its run, the worker's own
    /// policy says.
    fn ensure(&self, spec: Arc<WorkerSpec>);

    /// The worker should be gone.
    fn remove(&self, id: &WorkerId);

    /// A person's request. Answers with the epoch that will show it done.
    fn command<'a>(
        &'a self,
        id: &'a WorkerId,
        command: Command,
    ) -> Pending<'a, Result<u64, CommandError>>;

    /// Restarts all that should run.
    fn restart_all(&self) -> Pending<'_, Result<(), CommandError>>;

    /// What the worker's run uses now.
    fn usage(&self, id: &WorkerId) -> Option<Usage>;
}
