//! What somebody needs who wants to know what a look would do.

use std::sync::Arc;

use super::Reconciler;
use crate::engine::foresight::{Foresight, Upstreams};

impl Reconciler {
    /// A copy of all that a look would need, for one that changes nothing. `None` if no look is
    /// possible any more.
    pub(super) async fn foresight(&self) -> Option<Foresight> {
        let now = self.surroundings.upstream.clone();
        Some(Foresight {
            eye: self.lookout.copy().await.ok()?,
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
