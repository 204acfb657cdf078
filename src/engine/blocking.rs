//! Work that reads from a disk, done within a task: the disk may hang, and then no other task may
//! wait for this one's thread.

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::block_in_place,
};

/// Does work that may wait for a disk; other tasks are given another thread meanwhile.
pub(super) fn on_disk<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
        // One thread alone, as in tests, has nobody to hand its tasks to.
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn other_tasks_go_on_while_one_waits_for_a_disk() {
        let (answer, disk) = mpsc::channel();
        let waits = tokio::spawn(async move {
            on_disk(|| disk.recv_timeout(Duration::from_secs(60)).expect("the other task runs"));
        });
        tokio::spawn(async move { answer.send(()).expect("it is waited for") })
            .await
            .expect("sent");
        waits.await.expect("the disk has answered");
    }
}
