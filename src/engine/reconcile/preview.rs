//! Hands out a copy of the reconciler's state, from which a plan can be previewed.

use std::sync::Arc;

use super::reconciler::Reconciler;
use crate::engine::observe::preview::{PlanPreview, Upstreams};

impl Reconciler {
    /// A copy of what a pass needs. `None` if the observer thread has ended.
    pub(in crate::engine) async fn preview(&self) -> Option<PlanPreview> {
        let now = self.surroundings.upstream.clone();
        Some(PlanPreview {
            observer: self.observer_thread.copy().await.ok()?,
            actual: self.shared.runtime.observe(),
            config: Arc::clone(&self.config),
            discovered: self.discovered.clone(),
            judged_by: Arc::clone(&self.judged_by),
            desired: self.desired.clone(),
            generation: self.generation,
            upstreams: Upstreams::of(&self.config, now, &self.model),
        })
    }
}
