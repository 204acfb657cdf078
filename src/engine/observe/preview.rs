//! The preview: the plan that a reload would carry out, without carrying it out.
//!
//! It does what the reconciler does, on a copy of what the reconciler knows: the same environment,
//! the same memory of files, the same comparison with what runs. So the plan is the one that a
//! reload would carry out.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::observer::{ConfigObservation, Observer};
use crate::{
    config::{Config, Upstream},
    discovery::Discovered,
    domain::{Generation, PlanSummary, ReloadReport, ReloadResult, Stamp, WorkerSpec},
    engine::reconcile::upstream::UpstreamMonitor,
    files::{ChangedPaths, state::Draft},
    plan::{Desired, Surroundings, desired, reconcile},
};

/// How long a reload or a preview waits for files that have not settled: the absence after which a
/// file counts as removed, and some room.
pub(in crate::engine) const SETTLE_LIMIT: Duration = Duration::from_millis(500);

/// A copy of what the reconciler knows, at one moment.
pub(crate) struct PlanPreview {
    pub(in crate::engine) observer: Observer,
    pub(in crate::engine) actual: Vec<Arc<WorkerSpec>>,
    pub(in crate::engine) config: Arc<Config>,
    pub(in crate::engine) discovered: Discovered,
    pub(in crate::engine) judged_by: Arc<Config>,
    pub(in crate::engine) desired: Desired,
    pub(in crate::engine) generation: Generation,
    pub(in crate::engine) upstreams: Upstreams,
}

/// The base URLs that workers get, and would get.
pub(in crate::engine) struct Upstreams {
    now: (Upstream, Option<String>),
    stand_in: Option<String>,
}

impl Upstreams {
    pub(in crate::engine) fn of(
        config: &Config,
        now: Option<String>,
        monitor: &UpstreamMonitor,
    ) -> Self {
        Self { now: (config.model.upstream.clone(), now), stand_in: monitor.stand_in_url() }
    }

    fn given(&self, upstream: &Upstream) -> Option<String> {
        match &self.now {
            (now, url) if now == upstream => url.clone(),
            _ => upstream.base_url(self.stand_in.clone()),
        }
    }
}

impl PlanPreview {
    /// What would be done by the config as it is on the disk, or by a draft of another.
    ///
    /// Blocks, for at most half a second longer than the disk does.
    pub(in crate::engine) fn report(mut self, draft: Option<Draft>) -> ReloadReport {
        let mut observer = self.observer.anew(draft);
        let deadline = Instant::now() + SETTLE_LIMIT;
        let mut errors = Vec::new();
        let (folder, packages) = loop {
            let observation = observer.look(self.actual.clone(), ChangedPaths::Anything);
            match observation.config {
                ConfigObservation::Same => {}
                ConfigObservation::New(_, config, refused) => {
                    self.config = config;
                    errors = refused.into_iter().collect();
                }
                ConfigObservation::Bad(fault) => {
                    let plan = PlanSummary::default();
                    return report(self.generation, ReloadResult::Rejected, plan, fault.errors);
                }
            }
            match observation
                .look_again
                .filter(|look_again| Instant::now() + *look_again < deadline)
            {
                Some(look_again) => thread::sleep(look_again),
                None => break (observation.folder, observation.packages),
            }
        };
        if let Some(Ok(discovered)) = folder {
            self.discovered = discovered;
            self.judged_by = Arc::clone(&self.config);
        }
        let now = self.desired.packages();
        let surroundings = Surroundings {
            base: observer.base().to_owned(),
            upstream: self.upstreams.given(&self.config.model.upstream),
            packages: packages
                .map(|it| it.installed())
                .filter(|new| !now.is_some_and(|now| now.is_by_same_lock(new)))
                .or_else(|| now.cloned()),
        };
        let config = in_force(&self.config, &self.judged_by);
        let next = desired(&config, &self.discovered.candidates, &surroundings, &self.desired);
        let plan = reconcile(&next, &self.actual, &self.desired).summary;
        report(self.generation, ReloadResult::Applied, plan, errors)
    }
}

fn report(
    generation: Generation,
    result: ReloadResult,
    plan: PlanSummary,
    errors: Vec<String>,
) -> ReloadReport {
    ReloadReport { generation, at: Stamp::now(), result, plan, errors }
}

/// The config that specs are made by. While the folder cannot be read after `discovery` has
/// changed, its files are those that the old rules found: then the old `discovery` stays in force.
pub(in crate::engine) fn in_force(config: &Arc<Config>, judged_by: &Config) -> Arc<Config> {
    if judged_by.discovery == config.discovery {
        return Arc::clone(config);
    }
    let discovery = judged_by.discovery.clone();
    Arc::new(Config { discovery, ..Config::clone(config) })
}
