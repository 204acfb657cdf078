//! What one look at the disk did.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Generation, Stamp, WorkerId};

/// The difference that one pass found, and applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSummary {
    /// New workers.
    pub started: Vec<WorkerId>,
    /// Workers that are gone or no longer enabled.
    pub stopped: Vec<WorkerId>,
    /// Workers whose launch changed.
    pub restarted: Vec<WorkerId>,
    /// Workers whose policy changed in place.
    pub updated: Vec<WorkerId>,
    /// How many workers are as they were.
    pub unchanged: usize,
    /// Why each of the workers above is in its list: which key or file.
    pub reasons: BTreeMap<WorkerId, String>,
}

impl PlanSummary {
    /// Whether nothing was to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.started.is_empty()
            && self.stopped.is_empty()
            && self.restarted.is_empty()
            && self.updated.is_empty()
    }

    /// This plan and the one that was carried out after it, as one.
    #[must_use]
    pub fn then(mut self, later: Self) -> Self {
        let counted = |id: &&WorkerId| !later.reasons.contains_key(*id);
        let touched = self.started.iter().chain(&self.restarted).chain(&self.updated);
        // What the first plan began was as it should be when the second one was made.
        self.unchanged = later.unchanged.saturating_sub(touched.filter(counted).count());
        for (all, more) in [
            (&mut self.started, later.started),
            (&mut self.stopped, later.stopped),
            (&mut self.restarted, later.restarted),
            (&mut self.updated, later.updated),
        ] {
            all.extend(more);
            all.sort();
            all.dedup();
        }
        self.reasons.extend(later.reasons);
        self
    }
}

/// Whether a pass was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReloadResult {
    /// The config was good; the plan has been carried out.
    Applied,
    /// The config was bad; what runs goes on by the last good one.
    Rejected,
}

/// What became of the last reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReloadReport {
    /// The generation after it.
    pub generation: Generation,
    /// When.
    pub at: Stamp,
    /// Whether it was applied.
    pub result: ReloadResult,
    /// What it did.
    pub plan: PlanSummary,
    /// What is wrong with the config, each as `arcanos.toml:LINE:COLUMN: KEY: …`, and keys
    /// whose edit was refused.
    pub errors: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_plans_are_told_as_one() {
        let id = |name: &str| WorkerId::parse(name).expect("a good id");
        let reason = |name: &str| (id(name), "why".to_owned());
        let first = PlanSummary {
            started: vec![id("c")],
            restarted: vec![id("a")],
            unchanged: 2,
            reasons: [reason("a"), reason("c")].into(),
            ..PlanSummary::default()
        };
        let second = PlanSummary {
            stopped: vec![id("b")],
            unchanged: 3,
            reasons: [reason("b")].into(),
            ..PlanSummary::default()
        };
        let both = first.then(second);
        assert_eq!(both.started, [id("c")]);
        assert_eq!(both.restarted, [id("a")]);
        assert_eq!(both.stopped, [id("b")]);
        assert_eq!((both.unchanged, both.reasons.len()), (1, 3));
    }
}
