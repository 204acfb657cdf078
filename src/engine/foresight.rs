//! What a look at the disk would do, applied to nothing.
//!
//! Takes the way of the reconciler, on a copy of what it knows: the same environment, the same
//! memory of files, the same comparison with what runs. So the plan is the one that would be
//! carried out.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{
    eye::{ConfigSight, Eye},
    model::ModelDesk,
};
use crate::{
    config::{Config, Upstream},
    discovery::Discovered,
    domain::{Generation, PlanSummary, ReloadReport, ReloadResult, Stamp, WorkerSpec},
    files::{News, state::Draft},
    plan::{Desired, Surroundings, desired, reconcile},
};

/// How long a look that was asked for waits for what is not settled: the absence after which a
/// file counts as removed, and some room.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

/// All that the reconciler knows, at one moment.
pub(crate) struct Foresight {
    pub(super) eye: Eye,
    pub(super) actual: Vec<Arc<WorkerSpec>>,
    pub(super) config: Arc<Config>,
    pub(super) discovered: Discovered,
    pub(super) judged_by: Arc<Config>,
    pub(super) desired: Desired,
    pub(super) generation: Generation,
    pub(super) upstreams: Upstreams,
}

/// The base URLs that workers get, and would get.
pub(super) struct Upstreams {
    now: (Upstream, Option<String>),
    stand_in: Option<String>,
}

impl Upstreams {
    pub(super) fn of(config: &Config, now: Option<String>, desk: &ModelDesk) -> Self {
        Self { now: (config.model.upstream.clone(), now), stand_in: desk.stand_in_url() }
    }

    fn given(&self, upstream: &Upstream) -> Option<String> {
        match &self.now {
            (now, url) if now == upstream => url.clone(),
            _ => upstream.base_url(self.stand_in.clone()),
        }
    }
}

impl Foresight {
    /// What would be done by the config as it is on the disk, or by a draft of another.
    ///
    /// Blocks, for at most half a second longer than the disk does.
    pub(super) fn report(mut self, draft: Option<Draft>) -> ReloadReport {
        let mut eye = self.eye.anew(draft);
        let patience = Instant::now() + PATIENCE;
        let mut errors = Vec::new();
        let folder = loop {
            let sight = eye.look(self.actual.clone(), News::Anything);
            match sight.config {
                ConfigSight::Same => {}
                ConfigSight::New(_, config, refused) => {
                    self.config = config;
                    errors = refused.into_iter().collect();
                }
                ConfigSight::Bad(fault) => {
                    let plan = PlanSummary::default();
                    return report(self.generation, ReloadResult::Rejected, plan, fault.errors);
                }
            }
            match sight.again.filter(|again| Instant::now() + *again < patience) {
                Some(again) => thread::sleep(again),
                None => break sight.folder,
            }
        };
        if let Some(Ok(discovered)) = folder {
            self.discovered = discovered;
            self.judged_by = Arc::clone(&self.config);
        }
        let surroundings = Surroundings {
            base: eye.base().to_owned(),
            upstream: self.upstreams.given(&self.config.model.upstream),
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

/// The config by which workers are made: what was found in a folder goes with the rules by
/// which it was, until the folder can be looked at by the new ones.
pub(super) fn in_force(config: &Arc<Config>, judged_by: &Config) -> Arc<Config> {
    if judged_by.discovery == config.discovery {
        return Arc::clone(config);
    }
    let discovery = judged_by.discovery.clone();
    Arc::new(Config { discovery, ..Config::clone(config) })
}
