//! The reconciler: the loop that makes what runs follow the disk.
//!
//! Whatever wakes it, it does the same pass: observe config and folder, plan, act, publish. It
//! never interprets an event: an event only says that some names must be read again.
//!
//! Channels: `requests` from handles; the watcher's `watch`; requests to the observer thread, each
//! with the way back of its observation; to readers the config report, the discovery report and the
//! server's settings, each a `watch`.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    effective::{EffectiveConfig, log_warnings},
    standing::Standing,
    upstream::UpstreamMonitor,
};
use crate::{
    config::{Config, Loaded},
    discovery::Discovered,
    domain::{Generation, PlanSummary, ReloadReport, os_text},
    engine::{
        blocking::on_disk,
        handle::{EngineShared, ReconcileRequest},
        observe::{
            config_source::ConfigFault,
            permissions::PermissionReport,
            preview::{SETTLE_LIMIT, in_force},
            thread::{ObserverThread, PollSchedule},
        },
        runtime::{Packages, Preparation},
    },
    files::{ChangedPaths, WatchList, Watcher, logs::Logs},
    plan::{Action, Desired, Surroundings, Unmatched, desired, reconcile},
    sync::lock,
    timer::until,
};

/// What the reconciler needs to start.
pub(in crate::engine) struct ReconcilerInputs {
    pub(in crate::engine) observer_thread: ObserverThread,
    pub(in crate::engine) loaded: Loaded,
    /// The same config, shared with the observer thread.
    pub(in crate::engine) config: Arc<Config>,
    pub(in crate::engine) file: PathBuf,
    /// The base URL that workers get.
    pub(in crate::engine) upstream: Option<String>,
    pub(in crate::engine) watcher: Watcher,
    pub(in crate::engine) model: UpstreamMonitor,
    pub(in crate::engine) on_config: OnConfig,
}

/// Called with each config that comes into force, to set up the logs.
pub(in crate::engine) type OnConfig = Box<dyn Fn(&Config, &Logs) + Send + Sync>;

/// The reconciler's state.
pub(in crate::engine) struct Reconciler {
    pub(in crate::engine) shared: Arc<EngineShared>,
    pub(in crate::engine) requests: mpsc::Receiver<ReconcileRequest>,
    /// Asks for a sign of life.
    pub(in crate::engine) beats: mpsc::Receiver<oneshot::Sender<()>>,
    pub(in crate::engine) observer_thread: ObserverThread,
    pub(in crate::engine) file: PathBuf,
    pub(in crate::engine) config: Arc<Config>,
    /// The config as it is shown, and where its values come from.
    pub(in crate::engine) shown: EffectiveConfig,
    /// Locked by the observer thread while it watches other folders, and only then for longer than
    /// a moment; the reconciler waits for the thread meanwhile.
    pub(in crate::engine) watcher: Arc<Mutex<Watcher>>,
    pub(in crate::engine) events: watch::Receiver<u64>,
    pub(in crate::engine) model: UpstreamMonitor,
    pub(in crate::engine) surroundings: Surroundings,
    pub(in crate::engine) discovered: Discovered,
    /// The config by whose rules the folder was judged last.
    pub(in crate::engine) judged_by: Arc<Config>,
    pub(in crate::engine) desired: Desired,
    pub(in crate::engine) generation: Generation,
    /// What is wrong with the config on the disk.
    pub(in crate::engine) fault: Option<ConfigFault>,
    /// The key whose edit needs a restart of arcanos, and so was not applied.
    pub(in crate::engine) refused: Option<String>,
    pub(in crate::engine) folder_error: Option<String>,
    /// The permissions of the config's files, as they were last logged.
    pub(in crate::engine) permissions: PermissionReport,
    /// Settings of workers that are not there, as they were last logged.
    pub(in crate::engine) unmatched: Vec<Unmatched>,
    /// Whether the config has changed, for better or worse, since the last report: people who edit
    /// it want an answer even if nothing follows from the edit.
    pub(in crate::engine) is_config_changed: bool,
    /// The keys that the last config changed, until they are reported.
    pub(in crate::engine) changed_keys: Vec<String>,
    pub(in crate::engine) on_config: OnConfig,
    pub(in crate::engine) last_reload: Option<ReloadReport>,
    /// Each pass that changed something or failed, newest first.
    pub(in crate::engine) reloads: VecDeque<Arc<ReloadReport>>,
    pub(in crate::engine) look_again: Option<Duration>,
    /// Whether the packages of `surroundings` are there.
    standing: Standing,
    /// The `package.json` without a lock file that was logged.
    pub(in crate::engine) unlocked: Option<PathBuf>,
}

/// What woke the loop.
enum Wake {
    /// Files changed.
    Changed,
    /// Something had not settled at the last pass.
    NotSettled,
    Request(ReconcileRequest),
    Beat(oneshot::Sender<()>),
}

impl Drop for Reconciler {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let problem = "the disk is no longer followed, because of a bug in arcanos; restart it";
            tracing::error!("{problem}");
            self.shared.board.set_problem("look", Some(problem.to_owned()));
        }
    }
}

impl Reconciler {
    pub(in crate::engine) fn new(
        shared: Arc<EngineShared>,
        (requests, beats): (mpsc::Receiver<ReconcileRequest>, mpsc::Receiver<oneshot::Sender<()>>),
        inputs: ReconcilerInputs,
    ) -> Self {
        let ReconcilerInputs {
            observer_thread,
            loaded,
            config,
            file,
            upstream,
            watcher,
            model,
            on_config,
        } = inputs;
        let judged_by = Arc::clone(&config);
        let base = file.parent().map(Path::to_owned).unwrap_or_default();
        log_warnings(&loaded, &shared.logs);
        Self {
            shared,
            requests,
            beats,
            observer_thread,
            config,
            shown: EffectiveConfig::of(&loaded),
            file,
            events: watcher.subscribe(),
            watcher: Arc::new(Mutex::new(watcher)),
            surroundings: Surroundings { base, upstream, packages: None },
            standing: Standing::default(),
            unlocked: None,
            model,
            discovered: Discovered::default(),
            judged_by,
            desired: Desired::default(),
            generation: Generation(0),
            fault: None,
            refused: None,
            folder_error: None,
            permissions: PermissionReport::default(),
            changed_keys: Vec::new(),
            unmatched: Vec::new(),
            is_config_changed: false,
            on_config,
            last_reload: None,
            reloads: VecDeque::new(),
            look_again: None,
        }
    }

    /// Follows the disk until `stop` becomes true; then at once, though a disk may hang.
    pub(in crate::engine) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            // Dropped wherever it waits: nothing is started any more, and whoever waits for an
            // answer learns that none will come.
            () = self.follow() => {}
        }
    }

    async fn follow(&mut self) {
        self.pass(ChangedPaths::Anything).await;
        loop {
            match self.next().await {
                Wake::Changed => drop(self.pass_on_changes().await),
                Wake::NotSettled => drop(self.pass(ChangedPaths::Anything).await),
                Wake::Request(ReconcileRequest::Reload(reply)) => self.reload(reply).await,
                Wake::Request(ReconcileRequest::Preview(reply)) => {
                    // If there is none, dropping `reply` says so to the caller.
                    let preview = self.preview().await;
                    preview.and_then(|preview| reply.send(preview).ok());
                }
                // The caller may be gone.
                Wake::Beat(reply) => drop(reply.send(())),
            }
        }
    }

    /// Waits for whatever comes first. Every arm is cancel-safe: `recv` and `changed` lose nothing,
    /// and the timer is made anew.
    async fn next(&mut self) -> Wake {
        let look_again = self.look_again.map(|look_again| Instant::now() + look_again);
        tokio::select! {
            Some(beat) = self.beats.recv() => Wake::Beat(beat),
            Some(request) = self.requests.recv() => Wake::Request(request),
            Ok(()) = self.events.changed() => Wake::Changed,
            () = until(look_again) => Wake::NotSettled,
        }
    }

    /// Passes until what is in the middle of changing has settled, so that the answer is whole: a
    /// file that is missing counts as removed only after a while, since editors save by moving
    /// files.
    async fn reload(&mut self, reply: oneshot::Sender<ReloadReport>) {
        on_disk(|| self.shared.runtime.retry_packages());
        let mut report = self.pass(ChangedPaths::Anything).await;
        let deadline = Instant::now() + SETTLE_LIMIT;
        while let Some(look_again) =
            self.look_again.filter(|look_again| Instant::now() + *look_again < deadline)
        {
            // If the caller is gone, others need not wait for its answer.
            if reply.is_closed() {
                return;
            }
            tokio::select! {
                Ok(()) = self.events.changed() => {}
                () = tokio::time::sleep(look_again) => {}
            }
            let earlier = std::mem::take(&mut report.plan);
            report = self.pass(ChangedPaths::Anything).await;
            report.plan = earlier.then(std::mem::take(&mut report.plan));
            self.remember(&report);
        }
        let _ = reply.send(report);
    }

    /// One pass that begins with the files that changed.
    async fn pass_on_changes(&mut self) -> ReloadReport {
        self.events.mark_unchanged();
        let changed = lock(&self.watcher).changed_paths();
        self.pass(changed).await
    }

    /// One pass: observe, plan, act, publish. What changes from now on counts for the next pass.
    async fn pass(&mut self, changed: ChangedPaths) -> ReloadReport {
        if changed == ChangedPaths::Anything {
            self.events.mark_unchanged();
            drop(lock(&self.watcher).changed_paths());
        }
        let running = self.shared.runtime.observe();
        let look = self.observer_thread.look(running, changed);
        let Ok(observation) = alive(&mut self.beats, look).await else {
            // The observer panicked: what runs is kept.
            tracing::error!("The disk cannot be read any more, because of a bug; restart arcanos.");
            let problem =
                "the disk cannot be read any more, because of a bug in arcanos; restart it"
                    .to_owned();
            self.shared.board.set_problem("look", Some(problem));
            return self.report(PlanSummary::default());
        };
        self.look_again = observation.look_again;
        let is_new =
            self.apply_config(observation.config).await || self.generation == Generation(0);
        if let Some(folder) = observation.folder {
            self.apply_folder(folder);
        }
        self.report_permissions(observation.permissions);
        self.watch(observation.watch).await;
        self.say_unlocked(observation.unlocked);
        let preparation = self.prepare(observation.packages);
        let plan = self.act(preparation);
        self.shared.runtime.admit();
        self.finish(is_new, plan)
    }

    /// Compares what should run with what does, and makes the runtime follow.
    fn act(&mut self, preparation: Preparation) -> PlanSummary {
        let candidates = &self.discovered.candidates;
        let config = in_force(&self.config, &self.judged_by);
        let mut next = desired(&config, candidates, &self.surroundings, &self.desired);
        let running = self.shared.runtime.observe();
        if preparation == Preparation::UnderWay {
            next.hold(&running);
        }
        let plan = reconcile(&next, &running, &self.desired);
        self.desired = next;
        for entry in plan.summary.entries.iter().filter(|entry| entry.is_new()) {
            if let Some(spec) = self.desired.workers.get(&entry.worker) {
                let file = os_text::shown_path(&spec.file);
                let rule = config.discovery.rules.iter().find(|rule| rule.name == spec.rule);
                let kind = match rule.is_some_and(|rule| !rule.imports.is_empty()) {
                    true => "OpenAI SDK worker",
                    false => "worker",
                };
                self.shared.logs.arcanos(&format!("Found {kind}: {file}"));
            }
        }
        let runtime = &self.shared.runtime;
        on_disk(|| {
            for action in plan.actions {
                match action {
                    Action::Ensure(spec) => runtime.ensure(spec),
                    Action::Remove(id) => runtime.remove(&id),
                }
            }
        });
        plan.summary
    }

    async fn watch(&mut self, list: WatchList) {
        let watching = self.observer_thread.watch(&self.watcher, list);
        // A thread that has ended is noticed by the next look.
        let _ = alive(&mut self.beats, watching).await;
        let watcher = lock(&self.watcher);
        let has_problem = self.fault.is_some() || self.folder_error.is_some();
        let scan_interval = self.config.discovery.scan_interval;
        self.observer_thread.set_schedule(PollSchedule::of(&watcher, scan_interval, has_problem));
        self.shared.board.set_problem("discovery.watch", watcher.problem());
    }

    /// Has packages installed. Once they are, runs on others or without them are replaced, and what
    /// has failed starts again; if that fails, they are kept.
    fn prepare(&mut self, packages: Option<Packages>) -> Preparation {
        let wanted = packages.as_ref().map(Packages::installed);
        let preparation = on_disk(|| self.shared.runtime.prepare(packages));
        let Some(wanted) = wanted else {
            self.standing = Standing::There;
            return preparation;
        };
        let now = self.surroundings.packages.as_ref();
        if let Some(new) = self.standing.follow(preparation, now, wanted) {
            self.surroundings.packages = Some(new);
        }
        preparation
    }

    /// Logs once that packages have no lock file, and so are not installed.
    fn say_unlocked(&mut self, unlocked: Option<PathBuf>) {
        if let Some(manifest) = unlocked.as_ref().filter(|_| self.unlocked != unlocked) {
            let text = format!(
                "`{}` has no lock file beside it, so its packages are not installed; run \
                 `npm install` there once, or the like, and keep the lock file",
                os_text::shown_path(manifest)
            );
            tracing::warn!("{text}");
            self.shared.logs.arcanos(&format!("Warning: {text}"));
        }
        self.unlocked = unlocked;
    }
}

/// Waits for something on a disk, which may hang, and gives signs of life meanwhile.
async fn alive<T>(
    beats: &mut mpsc::Receiver<oneshot::Sender<()>>,
    waited: impl Future<Output = T>,
) -> T {
    let mut waited = std::pin::pin!(waited);
    loop {
        tokio::select! {
            done = &mut waited => return done,
            // Cancel-safe: a beat that was taken is answered.
            Some(beat) = beats.recv() => drop(beat.send(())),
        }
    }
}
