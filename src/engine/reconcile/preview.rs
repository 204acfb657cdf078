//! What somebody needs who wants to know what a look would do.

use std::sync::Arc;

use super::reconciler::Reconciler;
use crate::engine::observe::preview::{PlanPreview, Upstreams};

impl Reconciler {
    /// A copy of all that a look would need, for one that changes nothing. `None` if no look is
    /// possible any more.
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
