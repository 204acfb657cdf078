//! [`Connection`]: the task that drives the connection of a response that is still being read.

use tokio::task::JoinHandle;

/// The task that moves an answer's bytes. Dropping it hangs up.
#[derive(Debug)]
pub(super) struct Connection(JoinHandle<()>);

impl Connection {
    /// The connection that this task serves.
    pub(super) const fn of(task: JoinHandle<()>) -> Self {
        Self(task)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}
