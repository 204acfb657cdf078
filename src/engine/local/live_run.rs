//! A live run, and the messages between its task and its worker's task.

use std::sync::Arc;

use tokio_util::sync::DropGuard;

use super::{
    context::Context,
    launch_limiter::SharedPermit,
    sync::{latest::Latest, mailbox::Mailbox},
};
use crate::{
    domain::{LastActivity, ReadyRule, RunId, StartPolicy, StopPolicy, WorkerSpec},
    files::logs::{LineWatch, WorkerLog},
    worker::{Event, RunKey},
};

/// An event of a run, for the machine of its worker.
pub(super) struct RunEvent(pub(super) Event);

/// How a run is asked to end. Only the latest value counts, and it only becomes stricter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StopRequest {
    /// How the run is asked to end, and how long it may take.
    pub(super) stop: Option<StopPolicy>,
    /// Whether every process of the run is to be killed.
    pub(super) is_kill: bool,
}

/// Something for a run, in the order in which people asked for it.
#[derive(Debug)]
pub(super) enum Delivery {
    /// A JSON text, as a message on its channel.
    Input(String),
    /// A signal for its first process.
    Signal(i32),
}

/// A run that has not ended.
pub(super) struct LiveRun {
    pub(super) key: RunKey,
    pub(super) id: RunId,
    pub(super) stop_request: Arc<Latest<StopRequest>>,
    pub(super) deliveries: Arc<Mailbox<Delivery>>,
    /// The line by which it is ready, if it is by one.
    pub(super) ready_line: Arc<LineWatch>,
    /// The last question of its probe: dropping this ends it.
    pub(super) asking: Option<DropGuard>,
    /// Held until the run is up, or has a process, so that only so many launch at once.
    pub(super) permit: SharedPermit,
}

impl LiveRun {
    /// Has every process of the run killed.
    pub(super) fn kill(&self) {
        self.stop_request.change(|request| request.is_kill = true);
    }

    /// Has the output looked at for the line that this policy names.
    pub(super) fn expect_line(&self, start: &StartPolicy) {
        let by_line = start.ready == ReadyRule::Line;
        self.ready_line.expect(start.ready_line.as_deref().filter(|_| by_line));
    }
}

/// The next message of the run; never without a channel.
pub(super) async fn next_message(
    channel: &mut Option<crate::process::Channel>,
) -> Option<crate::process::Incoming> {
    match channel {
        Some(channel) => channel.recv().await,
        None => std::future::pending().await,
    }
}

/// The task of one run: a run that is to be launched, with all that this needs.
pub(super) struct RunTask {
    pub(super) context: Arc<Context>,
    pub(super) key: RunKey,
    pub(super) id: RunId,
    pub(super) spec: Arc<WorkerSpec>,
    pub(super) input: Option<String>,
    pub(super) permit: SharedPermit,
    pub(super) stop_request: Arc<Latest<StopRequest>>,
    pub(super) deliveries: Arc<Mailbox<Delivery>>,
    pub(super) events: Arc<Mailbox<RunEvent>>,
    pub(super) activity: Arc<Latest<Option<LastActivity>>>,
    pub(super) ready_line: Arc<LineWatch>,
    pub(super) log: WorkerLog,
}
