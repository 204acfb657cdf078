//! Plans: what a reload changes, and why.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Serialize, Serializer};

use super::{Generation, Stamp, WorkerId, os_text};

/// What one reload changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanSummary {
    /// The workers that something changes for, each with its change; in the order of the changes.
    pub entries: Vec<PlanEntry>,
    /// How many workers stay as they are.
    pub unchanged: usize,
}

/// What changes for one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanEntry {
    /// The worker.
    pub worker: WorkerId,
    /// What happens to it.
    pub change: Change,
    /// What differs, the most informative first.
    pub causes: Vec<Cause>,
}

/// What happens to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new, or enabled again.
    Start,
    /// It is gone, or no longer enabled.
    Stop,
    /// Its launch changed: its run is replaced.
    Restart,
    /// Its policy changed: its run goes on under the new one.
    Update,
    /// Its launch changed, and its run goes on all the same.
    Keep(KeptBy),
}

/// Why a run goes on though its launch has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptBy {
    /// `reload.on_change = "manual"`: a person decides when.
    Manual,
    /// Nothing new may start from the worker's file, for this reason.
    Untrusted(String),
}

/// One thing that differs. It never holds a value: that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The worker's file is new; its path in the folder of workers.
    NewFile(PathBuf),
    /// The worker's file is gone, or is not a worker any more.
    NoFile,
    /// The content of a file that the worker is made of.
    File(PathBuf),
    /// The content of its files; which one is not known.
    Content,
    /// The place of the worker's file.
    FilePath,
    /// A key of the config.
    Key(&'static str),
    /// A variable of the worker's environment.
    Variable(String),
}

/// The lists of the contract that a plan is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanList {
    /// New workers.
    Started,
    /// Workers that are gone or no longer enabled.
    Stopped,
    /// Workers whose launch changed.
    Restarted,
    /// Workers whose run goes on.
    Updated,
}

impl PlanSummary {
    /// Whether nothing is to be done.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The workers in one of the lists, in order of ids.
    #[must_use]
    pub fn list(&self, list: PlanList) -> Vec<&WorkerId> {
        let entries = self.entries.iter().filter(|entry| entry.change.list() == list);
        let mut ids: Vec<&WorkerId> = entries.map(|entry| &entry.worker).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// Why each worker is in its list, in words.
    #[must_use]
    pub fn reasons(&self) -> BTreeMap<&WorkerId, String> {
        self.entries.iter().map(|entry| (&entry.worker, entry.to_string())).collect()
    }

    /// This plan and the one that was carried out after it, as one.
    #[must_use]
    pub fn then(mut self, later: Self) -> Self {
        let is_touched_later = |id: &WorkerId| later.entries.iter().any(|e| e.worker == *id);
        // What the first plan began was as it should be when the second one was made.
        let earlier = self.entries.iter().filter(|entry| {
            entry.change.list() != PlanList::Stopped && !is_touched_later(&entry.worker)
        });
        self.unchanged = later.unchanged.saturating_sub(earlier.count());
        self.entries.extend(later.entries);
        self
    }
}

impl PlanEntry {
    /// Whether the worker's file is new.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.causes.iter().any(|cause| matches!(cause, Cause::NewFile(_)))
    }
}

impl Change {
    /// The list that shows it.
    #[must_use]
    pub const fn list(&self) -> PlanList {
        match self {
            Self::Start => PlanList::Started,
            Self::Stop => PlanList::Stopped,
            Self::Restart => PlanList::Restarted,
            Self::Update | Self::Keep(_) => PlanList::Updated,
        }
    }
}

/// The causes in words, and why a run goes on in spite of them.
impl fmt::Display for PlanEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, cause) in self.causes.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            cause.fmt(f)?;
        }
        match &self.change {
            Change::Start | Change::Stop | Change::Restart | Change::Update => Ok(()),
            Change::Keep(KeptBy::Manual) => {
                f.write_str(" (a run waits for a restart, by `reload.on_change = \"manual\"`)")
            }
            Change::Keep(KeptBy::Untrusted(reason)) => write!(f, " (what runs goes on: {reason})"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewFile(file) => write!(f, "new: {}", os_text::shown_path(file)),
            Self::NoFile => f.write_str("its file is no worker any more"),
            Self::File(file) => write!(f, "{}", os_text::shown_path(file)),
            Self::Content => f.write_str("file content"),
            Self::FilePath => f.write_str("file path"),
            Self::Key(key) => f.write_str(key),
            Self::Variable(name) => write!(f, "env {name}"),
        }
    }
}

/// A plan as the contract shows it.
impl Serialize for PlanSummary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a> {
            started: Vec<&'a WorkerId>,
            stopped: Vec<&'a WorkerId>,
            restarted: Vec<&'a WorkerId>,
            updated: Vec<&'a WorkerId>,
            unchanged: usize,
            reasons: BTreeMap<&'a WorkerId, String>,
        }
        Shape {
            started: self.list(PlanList::Started),
            stopped: self.list(PlanList::Stopped),
            restarted: self.list(PlanList::Restarted),
            updated: self.list(PlanList::Updated),
            unchanged: self.unchanged,
            reasons: self.reasons(),
        }
        .serialize(serializer)
    }
}

/// Whether a reload was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReloadResult {
    /// The config was good; the plan has been carried out.
    Applied,
    /// The config was bad; what runs goes on by the last good one.
    Rejected,
}

/// What one reload did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReloadReport {
    /// The generation after it.
    pub generation: Generation,
    /// When it ended.
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

    fn id(name: &str) -> WorkerId {
        WorkerId::parse(name).expect("a good id")
    }

    fn entry(name: &str, change: Change) -> PlanEntry {
        PlanEntry { worker: id(name), change, causes: vec![Cause::Key("enabled")] }
    }

    #[test]
    fn two_plans_become_one() {
        let entries = vec![entry("c", Change::Start), entry("a", Change::Restart)];
        let first = PlanSummary { entries, unchanged: 2 };
        let second = PlanSummary { entries: vec![entry("b", Change::Stop)], unchanged: 3 };
        let both = first.then(second);
        assert_eq!(both.list(PlanList::Started), [&id("c")]);
        assert_eq!(both.list(PlanList::Restarted), [&id("a")]);
        assert_eq!(both.list(PlanList::Stopped), [&id("b")]);
        assert_eq!((both.unchanged, both.reasons().len()), (1, 3));
    }

    #[test]
    fn a_plan_is_shown_in_the_lists_of_the_contract() {
        let mut kept = entry("b", Change::Keep(KeptBy::Manual));
        kept.causes = vec![Cause::File("lib/x.js".into()), Cause::Variable("E".to_owned())];
        let entries = vec![kept, entry("a", Change::Update), entry("c", Change::Stop)];
        let plan = PlanSummary { entries, unchanged: 4 };
        let shown = serde_json::to_value(&plan).expect("plain data");
        let expected = serde_json::json!({
            "started": [],
            "stopped": ["c"],
            "restarted": [],
            "updated": ["a", "b"],
            "unchanged": 4,
            "reasons": {
                "a": "enabled",
                "b": "lib/x.js, env E (a run waits for a restart, by `reload.on_change = \"manual\"`)",
                "c": "enabled",
            },
        });
        assert_eq!(shown, expected);
    }
}
