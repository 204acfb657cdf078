//! A runtime that runs nothing and remembers what it was asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::watch;

use crate::{
    domain::{Command, Concurrency, Usage, WorkerId, WorkerSpec},
    engine::{
        command::CommandError,
        runtime::{Packages, Pending, Preparation, Runtime},
    },
    sync::lock,
};

/// How long a test waits for a call before it fails.
const WAIT: Duration = Duration::from_secs(20);

/// What the runtime was asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    Ensure(Arc<WorkerSpec>),
    Remove(String),
    Concurrency(Concurrency),
    Prepare(Packages),
    ShutDown,
}

/// The runtime.
#[derive(Default)]
pub(super) struct Fake {
    workers: Mutex<BTreeMap<WorkerId, Arc<WorkerSpec>>>,
    calls: watch::Sender<Vec<Call>>,
}

impl Fake {
    /// All calls so far.
    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.borrow().clone()
    }

    /// The first call of this kind, once there is one.
    pub(super) async fn next(&self, is_it: impl Fn(&Call) -> bool) -> Call {
        let mut calls = self.calls.subscribe();
        let found = calls.wait_for(|calls| calls.iter().any(&is_it));
        let calls = tokio::time::timeout(WAIT, found).await.expect("the call comes in time");
        let calls = calls.expect("the sender lives").clone();
        calls.into_iter().find(is_it).expect("it was waited for")
    }

    /// The ids of the workers that should run.
    pub(super) fn workers(&self) -> Vec<String> {
        lock(&self.workers).keys().map(ToString::to_string).collect()
    }

    /// The spec of a worker that should run.
    pub(super) fn spec(&self, id: &str) -> Arc<WorkerSpec> {
        Arc::clone(&lock(&self.workers)[id])
    }

    fn record(&self, call: Call) {
        self.calls.send_modify(|calls| calls.push(call));
    }
}

impl Runtime for Fake {
    fn observe(&self) -> Vec<Arc<WorkerSpec>> {
        lock(&self.workers).values().cloned().collect()
    }

    fn ensure(&self, spec: Arc<WorkerSpec>) {
        lock(&self.workers).insert(spec.id.clone(), Arc::clone(&spec));
        self.record(Call::Ensure(spec));
    }

    fn remove(&self, id: &WorkerId) {
        lock(&self.workers).remove(id);
        self.record(Call::Remove(id.to_string()));
    }

    fn command<'a>(
        &'a self,
        id: &'a WorkerId,
        _: Command,
    ) -> Pending<'a, Result<u64, CommandError>> {
        Box::pin(async { Err(CommandError::NotReading(id.clone())) })
    }

    fn stop_in_turn<'a>(&'a self, id: &'a WorkerId) -> Pending<'a, Result<u64, CommandError>> {
        self.command(id, Command::Stop)
    }

    fn usage<'a>(&'a self, workers: &'a [WorkerId]) -> Pending<'a, Vec<Option<Usage>>> {
        Box::pin(async { vec![None; workers.len()] })
    }

    fn set_concurrency(&self, limit: Concurrency) {
        self.record(Call::Concurrency(limit));
    }

    fn prepare(&self, packages: Option<Packages>) -> Preparation {
        if let Some(packages) = packages {
            self.record(Call::Prepare(packages));
        }
        Preparation::Done
    }

    fn retry_packages(&self) {}

    fn admit(&self) {}

    fn shut_down(&self) -> Pending<'_, ()> {
        self.record(Call::ShutDown);
        Box::pin(async {})
    }

    fn kill(&self) {}
}
