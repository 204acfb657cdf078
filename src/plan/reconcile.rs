//! The difference between what should run and what does.

use std::{path::PathBuf, sync::Arc};

use super::Desired;
use crate::domain::{Launch, PlanSummary, WorkerId, WorkerSpec};

/// One thing to be done. What it means for a run, the worker's own policy says.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The worker should be like this from now on.
    Ensure(Arc<WorkerSpec>),
    /// The worker should be gone.
    Remove(WorkerId),
}

/// The difference, to be carried out and to be shown.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What is to be done, in order of ids.
    pub actions: Vec<Action>,
    /// The same for people.
    pub summary: PlanSummary,
}

/// Compares. `actual` is what each worker was last told to be, in order of ids; `before` is what
/// was desired then, by which the files that changed can be named.
#[must_use]
pub fn reconcile(desired: &Desired, actual: &[Arc<WorkerSpec>], before: &Desired) -> Plan {
    debug_assert!(actual.is_sorted_by(|one, other| one.id < other.id), "{actual:?}");
    let mut plan = Plan::default();
    for (id, spec) in &desired.workers {
        match actual.binary_search_by(|old| old.id.cmp(id)) {
            Err(_) => plan.start(spec),
            Ok(at) => plan.compare(&actual[at], spec, || changed_files(before, desired, id)),
        }
    }
    let gone = actual.iter().filter(|old| !desired.workers.contains_key(&old.id));
    for id in gone.map(|old| old.id.clone()) {
        plan.summary.reasons.insert(id.clone(), "its file is no worker any more".to_owned());
        plan.summary.stopped.push(id.clone());
        plan.actions.push(Action::Remove(id));
    }
    plan
}

impl Plan {
    fn start(&mut self, spec: &Arc<WorkerSpec>) {
        let id = spec.id.clone();
        self.actions.push(Action::Ensure(Arc::clone(spec)));
        if spec.policy.enabled {
            self.summary.reasons.insert(id.clone(), format!("new: {}", spec.file.display()));
            self.summary.started.push(id);
        } else {
            self.summary.unchanged += 1;
        }
    }

    fn compare(
        &mut self,
        old: &Arc<WorkerSpec>,
        new: &Arc<WorkerSpec>,
        files: impl FnOnce() -> Vec<String>,
    ) {
        if Arc::ptr_eq(old, new) || old == new {
            self.summary.unchanged += 1;
            return;
        }
        self.actions.push(Action::Ensure(Arc::clone(new)));
        let summary = &mut self.summary;
        let (list, reason) = match (old.policy.enabled, new.policy.enabled) {
            (true, false) => (&mut summary.stopped, "enabled".to_owned()),
            (false, true) => (&mut summary.started, "enabled".to_owned()),
            _ if old.launch != new.launch => {
                let mut parts = launch_difference(&old.launch, &new.launch);
                if old.launch.fingerprint != new.launch.fingerprint {
                    parts.extend(files());
                }
                (&mut summary.restarted, parts.join(", "))
            }
            _ if old.policy != new.policy => {
                (&mut summary.updated, policy_difference(old, new).join(", "))
            }
            _ => {
                summary.unchanged += 1;
                return;
            }
        };
        list.push(new.id.clone());
        summary.reasons.insert(new.id.clone(), reason);
    }
}

/// Which parts of a launch differ, by the names people know. Never a value: it may be a secret.
fn launch_difference(old: &Launch, new: &Launch) -> Vec<String> {
    let parts = [
        ("command", old.program != new.program || old.args != new.args || old.ipc != new.ipc),
        ("file path", old.file != new.file),
        ("cwd", old.cwd != new.cwd),
        ("mode", old.mode != new.mode),
        ("limits", old.limits != new.limits),
        ("user", old.user != new.user),
    ];
    let mut names: Vec<String> =
        parts.iter().filter(|(_, differs)| *differs).map(|(name, _)| (*name).to_owned()).collect();
    let (old, new) = (&old.env.0, &new.env.0);
    let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(value)).map(|(n, _)| n);
    let lost = old.keys().filter(|name| !new.contains_key(*name));
    names.extend(changed.chain(lost).map(|name| format!("env {name}")));
    names
}

/// Which parts of a policy differ.
fn policy_difference(old: &WorkerSpec, new: &WorkerSpec) -> Vec<String> {
    let (old, new) = (&old.policy, &new.policy);
    let parts = [
        ("restart", old.restart != new.restart),
        ("start", old.start != new.start),
        ("stop", old.stop != new.stop),
        ("reload", old.reload != new.reload),
        ("schedule", old.schedule != new.schedule),
    ];
    parts.iter().filter(|(_, differs)| *differs).map(|(name, _)| (*name).to_owned()).collect()
}

/// The files whose content differs, of those a worker is made of.
fn changed_files(before: &Desired, desired: &Desired, id: &WorkerId) -> Vec<String> {
    let (old, new) = (before.source(id), desired.source(id));
    let (Some(old), Some(new)) = (old, new) else { return vec!["file content".to_owned()] };
    let is_changed = |file: &PathBuf, print| !old.uses.contains(&(file.clone(), print));
    let changed = new.uses.iter().filter(|(file, print)| is_changed(file, *print));
    let is_kept = |file: &PathBuf| new.uses.iter().any(|(other, _)| other == file);
    let lost = old.uses.iter().filter(|(file, _)| !is_kept(file));
    let mut names: Vec<String> =
        changed.chain(lost).map(|(file, _)| file.display().to_string()).collect();
    if names.is_empty() {
        names.push(new.file.display().to_string());
    }
    names
}
