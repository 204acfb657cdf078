//! The loop that makes what runs follow the disk.
//!
//! Whatever wakes it, it takes the same way: have config and folder looked at, plan, act, publish.
//! No event is interpreted; it only says "look again", and at which names.
//!
//! Channels: `requests` from handles; the watcher's `watch`; `orders` to the lookout, each with
//! the way back of what was seen; to the handles' readers the config and discovery reports and the
//! server's settings, each a `watch`.

mod ahead;
mod digest;
mod publish;
mod shown;

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use self::shown::{Shown, tell_warnings};
use super::{
    exposure::Exposure,
    foresight::{PATIENCE, in_force},
    governor::Governor,
    handle::{Request, Shared},
    lookout::{Lookout, Pace},
    model::ModelDesk,
    prepare::Preparer,
    source::Fault,
};
use crate::{
    config::{Config, Loaded},
    discovery::Discovered,
    domain::{Generation, PlanSummary, ReloadReport},
    files::{News, WatchList, Watcher, logs::Logs},
    plan::{Action, Desired, Surroundings, desired, reconcile},
};

/// What the reconciler starts from.
pub(super) struct Beginnings {
    pub(super) lookout: Lookout,
    pub(super) loaded: Loaded,
    /// The same config, shared with the lookout.
    pub(super) config: Arc<Config>,
    pub(super) file: PathBuf,
    /// The base URL that workers get.
    pub(super) upstream: Option<String>,
    pub(super) watcher: Watcher,
    pub(super) governor: Governor,
    pub(super) model: ModelDesk,
    pub(super) preparer: Preparer,
    pub(super) on_config: OnConfig,
}

/// What is to be done with the logs when another config comes into force.
pub(super) type OnConfig = Box<dyn Fn(&Config, &Logs) + Send + Sync>;

/// The loop's state.
pub(super) struct Reconciler {
    shared: Arc<Shared>,
    requests: mpsc::Receiver<Request>,
    lookout: Lookout,
    file: PathBuf,
    config: Arc<Config>,
    /// The config as it is shown, and where its values come from.
    shown: Shown,
    watcher: Watcher,
    events: watch::Receiver<u64>,
    governor: Governor,
    model: ModelDesk,
    preparer: Preparer,
    surroundings: Surroundings,
    discovered: Discovered,
    /// The config by which the folder was judged.
    judged_by: Arc<Config>,
    desired: Desired,
    generation: Generation,
    /// What is wrong with the config on the disk.
    fault: Option<Fault>,
    /// What of the config on the disk was not taken up.
    refused: Option<String>,
    folder_error: Option<String>,
    /// What was last said of the permissions of the config's files.
    exposure: Exposure,
    /// Whether the config was found changed, good or bad, which is told though nothing follows.
    is_config_news: bool,
    on_config: OnConfig,
    last_reload: Option<ReloadReport>,
    /// What each look did that changed something or failed, newest first.
    reloads: VecDeque<Arc<ReloadReport>>,
    again: Option<Duration>,
}

/// What woke the loop.
enum Wake {
    /// Something was told of.
    Told,
    /// Something was not settled when it was last looked at.
    Again,
    Request(Request),
    Prepared(Result<(), String>),
    End,
}

impl Drop for Reconciler {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let problem = "the disk is no longer followed, by a mistake in arcanos; restart it";
            tracing::error!("{problem}");
            self.shared.board.set_problem("look", Some(problem.to_owned()));
        }
    }
}

impl Reconciler {
    pub(super) fn new(
        shared: Arc<Shared>,
        requests: mpsc::Receiver<Request>,
        beginnings: Beginnings,
    ) -> Self {
        let Beginnings {
            lookout,
            loaded,
            config,
            file,
            upstream,
            watcher,
            governor,
            model,
            preparer,
            on_config,
        } = beginnings;
        let judged_by = Arc::clone(&config);
        let base = file.parent().map(Path::to_owned).unwrap_or_default();
        tell_warnings(&loaded, &shared.logs);
        Self {
            shared,
            requests,
            lookout,
            config,
            shown: Shown::of(&loaded),
            file,
            events: watcher.subscribe(),
            watcher,
            governor,
            surroundings: Surroundings { base, upstream },
            model,
            preparer,
            discovered: Discovered::default(),
            judged_by,
            desired: Desired::default(),
            generation: Generation(0),
            fault: None,
            refused: None,
            folder_error: None,
            exposure: Exposure::default(),
            is_config_news: false,
            on_config,
            last_reload: None,
            reloads: VecDeque::new(),
            again: None,
        }
    }

    /// Follows the disk until nobody holds a handle to ask, or `stop` is heard.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        self.pass(News::Anything).await;
        loop {
            match self.next(&mut stop).await {
                Wake::End => return,
                Wake::Told => drop(self.pass_as_told().await),
                Wake::Again => drop(self.pass(News::Anything).await),
                Wake::Prepared(result) => {
                    let problem = result.err();
                    self.shared.board.set_problem("discovery.prepare", problem);
                    self.governor.set_open(true);
                    // Another lock file may have come meanwhile.
                    self.watcher.caller().call();
                }
                Wake::Request(Request::Reload(reply)) => self.reload(reply).await,
                Wake::Request(Request::Foresee(reply)) => {
                    // Without an answer the one who asked learns that there is none.
                    let foresight = self.foresight().await;
                    foresight.and_then(|foresight| reply.send(foresight).ok());
                }
                // The one who asked may be gone.
                Wake::Request(Request::Beat(reply)) => drop(reply.send(())),
            }
        }
    }

    /// Waits for whatever comes first; every arm may be cancelled, none holds anything.
    async fn next(&mut self, stop: &mut watch::Receiver<bool>) -> Wake {
        let again = self.again.map(|again| Instant::now() + again);
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => Wake::End,
            Some(request) = self.requests.recv() => Wake::Request(request),
            result = self.preparer.ended() => Wake::Prepared(result),
            Ok(()) = self.events.changed() => Wake::Told,
            () = until(again) => Wake::Again,
        }
    }

    /// Looks until what is in the middle of changing has settled, so that the answer is whole: a
    /// removed file is one only after a while.
    async fn reload(&mut self, reply: oneshot::Sender<ReloadReport>) {
        let mut report = self.pass(News::Anything).await;
        let patience = Instant::now() + PATIENCE;
        while let Some(again) = self.again.filter(|again| Instant::now() + *again < patience) {
            // The one who asked may be gone, and whoever else asks is not kept waiting for it.
            if reply.is_closed() {
                return;
            }
            tokio::select! {
                Ok(()) = self.events.changed() => {}
                () = tokio::time::sleep(again) => {}
            }
            let earlier = std::mem::take(&mut report.plan);
            report = self.pass(News::Anything).await;
            report.plan = earlier.then(std::mem::take(&mut report.plan));
            self.remember(&report);
        }
        let _ = reply.send(report);
    }

    /// One look that begins with what was told, and all that follows from it.
    async fn pass_as_told(&mut self) -> ReloadReport {
        self.events.mark_unchanged();
        let news = self.watcher.news();
        self.pass(news).await
    }

    /// One look, and all that follows from it. What is told from now on counts for the next one.
    async fn pass(&mut self, news: News) -> ReloadReport {
        if news == News::Anything {
            self.events.mark_unchanged();
            drop(self.watcher.news());
        }
        let running = self.shared.runtime.observe();
        let Ok(sight) = self.lookout.look(running, news).await else {
            // The look panicked: keep what runs.
            tracing::error!("The disk cannot be looked at any more; restart arcanos.");
            let problem = "the disk cannot be looked at any more; restart arcanos".to_owned();
            self.shared.board.set_problem("look", Some(problem));
            return self.report(PlanSummary::default());
        };
        self.again = sight.again;
        let is_new = self.digest_config(sight.config).await || self.generation == Generation(0);
        if let Some(folder) = sight.folder {
            self.digest_folder(folder);
        }
        self.tell_exposure(sight.exposure);
        self.watch(&sight.watch);
        self.prepare(sight.lock);
        let plan = self.act();
        self.finish(is_new, plan)
    }

    /// Makes what runs as it should be.
    fn act(&mut self) -> PlanSummary {
        let candidates = &self.discovered.candidates;
        let config = in_force(&self.config, &self.judged_by);
        let next = desired(&config, candidates, &self.surroundings, &self.desired);
        let plan = reconcile(&next, &self.shared.runtime.observe(), &self.desired);
        self.desired = next;
        for action in plan.actions {
            match action {
                Action::Ensure(spec) => {
                    let is_new =
                        plan.summary.reasons.get(&spec.id).is_some_and(|r| r.starts_with("new"));
                    if is_new {
                        let file = spec.file.display();
                        self.shared.logs.arcanos(&format!("Found OpenAI SDK worker: {file}"));
                    }
                    self.shared.runtime.ensure(spec);
                }
                Action::Remove(id) => self.shared.runtime.remove(&id),
            }
        }
        plan.summary
    }

    fn watch(&mut self, list: &WatchList) {
        self.watcher.set(list);
        let is_amiss = self.fault.is_some() || self.folder_error.is_some();
        let scan_interval = self.config.discovery.scan_interval;
        self.lookout.set_pace(Pace::of(&self.watcher, scan_interval, is_amiss));
        self.shared.board.set_problem("discovery.watch", self.watcher.problem());
    }

    fn prepare(&mut self, lock: Option<String>) {
        let discovery = &self.config.discovery;
        if let Some(digest) = lock
            && self.preparer.begin(&discovery.prepare, &discovery.directory, &digest)
        {
            self.governor.set_open(false);
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
