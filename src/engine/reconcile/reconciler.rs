//! The loop that makes what runs follow the disk.
//!
//! Whatever wakes it, it takes the same way: have config and folder looked at, plan, act, publish.
//! No event is interpreted; it only says "look again", and at which names.
//!
//! Channels: `requests` from handles; the watcher's `watch`; `orders` to the observer_thread, each with
//! the way back of what was seen; to the handles' readers the config and discovery reports and the
//! server's settings, each a `watch`.

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

use super::{
    effective::{Shown, tell_warnings},
    upstream::UpstreamMonitor,
};
use crate::{
    config::{Config, Loaded},
    discovery::Discovered,
    domain::{Generation, PlanSummary, ReloadReport},
    engine::{
        handle::{Request, Shared},
        observe::{
            config_source::ConfigFault,
            permissions::PermissionReport,
            preview::{PATIENCE, in_force},
            thread::{ObserverThread, PollSchedule},
        },
        runtime::Packages,
    },
    files::{ChangedPaths, WatchList, Watcher, logs::Logs},
    plan::{Action, Desired, Surroundings, desired, reconcile},
    timer::until,
};

/// What the reconciler starts from.
pub(in crate::engine) struct Inputs {
    pub(in crate::engine) observer_thread: ObserverThread,
    pub(in crate::engine) loaded: Loaded,
    /// The same config, shared with the observer_thread.
    pub(in crate::engine) config: Arc<Config>,
    pub(in crate::engine) file: PathBuf,
    /// The base URL that workers get.
    pub(in crate::engine) upstream: Option<String>,
    pub(in crate::engine) watcher: Watcher,
    pub(in crate::engine) model: UpstreamMonitor,
    pub(in crate::engine) on_config: OnConfig,
}

/// What is to be done with the logs when another config comes into force.
pub(in crate::engine) type OnConfig = Box<dyn Fn(&Config, &Logs) + Send + Sync>;

/// The loop's state.
pub(in crate::engine) struct Reconciler {
    pub(in crate::engine) shared: Arc<Shared>,
    pub(in crate::engine) requests: mpsc::Receiver<Request>,
    pub(in crate::engine) observer_thread: ObserverThread,
    pub(in crate::engine) file: PathBuf,
    pub(in crate::engine) config: Arc<Config>,
    /// The config as it is shown, and where its values come from.
    pub(in crate::engine) shown: Shown,
    pub(in crate::engine) watcher: Watcher,
    pub(in crate::engine) events: watch::Receiver<u64>,
    pub(in crate::engine) model: UpstreamMonitor,
    pub(in crate::engine) surroundings: Surroundings,
    pub(in crate::engine) discovered: Discovered,
    /// The config by which the folder was judged.
    pub(in crate::engine) judged_by: Arc<Config>,
    pub(in crate::engine) desired: Desired,
    pub(in crate::engine) generation: Generation,
    /// What is wrong with the config on the disk.
    pub(in crate::engine) fault: Option<ConfigFault>,
    /// What of the config on the disk was not taken up.
    pub(in crate::engine) refused: Option<String>,
    pub(in crate::engine) folder_error: Option<String>,
    /// What was last said of the permissions of the config's files.
    pub(in crate::engine) permissions: PermissionReport,
    /// Whether the config was found changed, good or bad, which is told though nothing follows.
    pub(in crate::engine) is_config_news: bool,
    pub(in crate::engine) on_config: OnConfig,
    pub(in crate::engine) last_reload: Option<ReloadReport>,
    /// What each look did that changed something or failed, newest first.
    pub(in crate::engine) reloads: VecDeque<Arc<ReloadReport>>,
    pub(in crate::engine) again: Option<Duration>,
}

/// What woke the loop.
enum Wake {
    /// Something was told of.
    Told,
    /// Something was not settled when it was last looked at.
    Again,
    Request(Request),
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
    pub(in crate::engine) fn new(
        shared: Arc<Shared>,
        requests: mpsc::Receiver<Request>,
        inputs: Inputs,
    ) -> Self {
        let Inputs { observer_thread, loaded, config, file, upstream, watcher, model, on_config } =
            inputs;
        let judged_by = Arc::clone(&config);
        let base = file.parent().map(Path::to_owned).unwrap_or_default();
        tell_warnings(&loaded, &shared.logs);
        Self {
            shared,
            requests,
            observer_thread,
            config,
            shown: Shown::of(&loaded),
            file,
            events: watcher.subscribe(),
            watcher,
            surroundings: Surroundings { base, upstream },
            model,
            discovered: Discovered::default(),
            judged_by,
            desired: Desired::default(),
            generation: Generation(0),
            fault: None,
            refused: None,
            folder_error: None,
            permissions: PermissionReport::default(),
            is_config_news: false,
            on_config,
            last_reload: None,
            reloads: VecDeque::new(),
            again: None,
        }
    }

    /// Follows the disk until nobody holds a handle to ask, or `stop` is heard.
    pub(in crate::engine) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        self.pass(ChangedPaths::Anything).await;
        loop {
            match self.next(&mut stop).await {
                Wake::End => return,
                Wake::Told => drop(self.pass_as_told().await),
                Wake::Again => drop(self.pass(ChangedPaths::Anything).await),
                Wake::Request(Request::Reload(reply)) => self.reload(reply).await,
                Wake::Request(Request::Preview(reply)) => {
                    // Without an answer the one who asked learns that there is none.
                    let preview = self.preview().await;
                    preview.and_then(|preview| reply.send(preview).ok());
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
            Ok(()) = self.events.changed() => Wake::Told,
            () = until(again) => Wake::Again,
        }
    }

    /// Looks until what is in the middle of changing has settled, so that the answer is whole: a
    /// removed file is one only after a while.
    async fn reload(&mut self, reply: oneshot::Sender<ReloadReport>) {
        let mut report = self.pass(ChangedPaths::Anything).await;
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
            report = self.pass(ChangedPaths::Anything).await;
            report.plan = earlier.then(std::mem::take(&mut report.plan));
            self.remember(&report);
        }
        let _ = reply.send(report);
    }

    /// One look that begins with what was told, and all that follows from it.
    async fn pass_as_told(&mut self) -> ReloadReport {
        self.events.mark_unchanged();
        let news = self.watcher.changed_paths();
        self.pass(news).await
    }

    /// One look, and all that follows from it. What is told from now on counts for the next one.
    async fn pass(&mut self, news: ChangedPaths) -> ReloadReport {
        if news == ChangedPaths::Anything {
            self.events.mark_unchanged();
            drop(self.watcher.changed_paths());
        }
        let running = self.shared.runtime.observe();
        let Ok(observation) = self.observer_thread.look(running, news).await else {
            // The look panicked: keep what runs.
            tracing::error!("The disk cannot be looked at any more; restart arcanos.");
            let problem = "the disk cannot be looked at any more; restart arcanos".to_owned();
            self.shared.board.set_problem("look", Some(problem));
            return self.report(PlanSummary::default());
        };
        self.again = observation.again;
        let is_new =
            self.apply_config(observation.config).await || self.generation == Generation(0);
        if let Some(folder) = observation.folder {
            self.apply_folder(folder);
        }
        self.tell_exposure(observation.permissions);
        self.watch(&observation.watch);
        self.prepare(observation.lock);
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
        for entry in plan.summary.entries.iter().filter(|entry| entry.is_new()) {
            if let Some(spec) = self.desired.workers.get(&entry.worker) {
                let file = spec.file.display();
                self.shared.logs.arcanos(&format!("Found OpenAI SDK worker: {file}"));
            }
        }
        for action in plan.actions {
            match action {
                Action::Ensure(spec) => self.shared.runtime.ensure(spec),
                Action::Remove(id) => self.shared.runtime.remove(&id),
            }
        }
        plan.summary
    }

    fn watch(&mut self, list: &WatchList) {
        self.watcher.set(list);
        let is_amiss = self.fault.is_some() || self.folder_error.is_some();
        let scan_interval = self.config.discovery.scan_interval;
        self.observer_thread.set_pace(PollSchedule::of(&self.watcher, scan_interval, is_amiss));
        self.shared.board.set_problem("discovery.watch", self.watcher.problem());
    }

    fn prepare(&mut self, lock: Option<String>) {
        let discovery = &self.config.discovery;
        if let Some(digest) = lock {
            self.shared.runtime.prepare(Packages {
                command: discovery.prepare.clone(),
                folder: discovery.directory.clone(),
                digest,
            });
        }
    }
}
