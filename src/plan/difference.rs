//! The difference between what should run and what does.

use std::{path::PathBuf, sync::Arc};

use super::{Desired, environment::UPSTREAM_VARIABLES};
use crate::domain::{
    Cause, Change, KeptBy, Launch, OnChange, PlanEntry, PlanSummary, Policy, SchedulePolicy,
    WorkerId, WorkerSpec,
};

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
    /// The same with causes, to be shown.
    pub summary: PlanSummary,
}

/// Compares. `actual` is what each worker was last set to, in order of ids; `before` is what
/// was desired then, by which the files that changed can be named.
#[must_use]
pub fn reconcile(desired: &Desired, actual: &[Arc<WorkerSpec>], before: &Desired) -> Plan {
    debug_assert!(actual.is_sorted_by(|one, other| one.id < other.id), "{actual:?}");
    let mut plan = Plan::default();
    for (id, spec) in &desired.workers {
        match actual.binary_search_by(|old| old.id.cmp(id)) {
            Err(_) => plan.start(spec),
            Ok(at) => plan.compare(&actual[at], spec, || Sources { before, desired, id }),
        }
    }
    let gone = actual.iter().filter(|old| !desired.workers.contains_key(&old.id));
    for id in gone.map(|old| old.id.clone()) {
        plan.change(&id, Change::Stop, vec![Cause::NoFile]);
        plan.actions.push(Action::Remove(id));
    }
    plan
}

impl Plan {
    fn change(&mut self, worker: &WorkerId, change: Change, causes: Vec<Cause>) {
        self.summary.entries.push(PlanEntry { worker: worker.clone(), change, causes });
    }

    fn start(&mut self, spec: &Arc<WorkerSpec>) {
        self.actions.push(Action::Ensure(Arc::clone(spec)));
        if spec.policy.enabled {
            self.change(&spec.id, Change::Start, vec![Cause::NewFile(spec.file.clone())]);
        } else {
            self.summary.unchanged += 1;
        }
    }

    fn compare<'a>(
        &mut self,
        old: &Arc<WorkerSpec>,
        new: &Arc<WorkerSpec>,
        sources: impl FnOnce() -> Sources<'a>,
    ) {
        if Arc::ptr_eq(old, new) || old == new {
            self.summary.unchanged += 1;
            return;
        }
        self.actions.push(Action::Ensure(Arc::clone(new)));
        let (change, causes) = match (old.policy.enabled, new.policy.enabled) {
            (true, false) => (Change::Stop, vec![Cause::Key("enabled")]),
            (false, true) => (Change::Start, vec![Cause::Key("enabled")]),
            _ if old.launch != new.launch => {
                let change = kept_by(new).map_or(Change::Restart, Change::Keep);
                (change, launch_difference(&old.launch, &new.launch, &sources()))
            }
            _ if old.policy != new.policy => {
                (Change::Update, policy_difference(&old.policy, &new.policy))
            }
            _ => {
                self.summary.unchanged += 1;
                return;
            }
        };
        self.change(&new.id, change, causes);
    }
}

/// Why a run goes on though its launch has changed.
fn kept_by(new: &WorkerSpec) -> Option<KeptBy> {
    if let Some(reason) = &new.untrusted {
        return Some(KeptBy::Untrusted(reason.clone()));
    }
    (new.policy.reload == OnChange::Manual).then_some(KeptBy::Manual)
}

/// What the spec of a worker was and is made from, to name what differs.
struct Sources<'a> {
    before: &'a Desired,
    desired: &'a Desired,
    id: &'a WorkerId,
}

/// Which parts of a launch differ, by the keys and files people know. Never a value: it may be a
/// secret.
fn launch_difference(old: &Launch, new: &Launch, sources: &Sources<'_>) -> Vec<Cause> {
    let is_same_program = old.program == new.program && old.args == new.args;
    let are_same_args = sources.are_args_the_same();
    let mut causes = keys(&[
        ("command", !is_same_program && are_same_args),
        ("args", !is_same_program && !are_same_args),
        ("ipc", old.ipc != new.ipc),
    ]);
    causes.extend((old.file != new.file).then_some(Cause::FilePath));
    causes.extend(keys(&[
        ("cwd", old.cwd != new.cwd),
        ("mode", old.mode != new.mode),
        ("stdin", old.stdin != new.stdin),
        ("limits.memory", old.limits.memory != new.limits.memory),
        ("limits.open_files", old.limits.open_files != new.limits.open_files),
        ("limits.cpu", old.limits.cpu != new.limits.cpu),
        ("user", old.user != new.user),
        ("new_privileges", old.new_privileges != new.new_privileges),
    ]));
    if old.fingerprint != new.fingerprint {
        causes.extend(sources.changed_files());
    }
    let (old, new) = (&old.env.0, &new.env.0);
    let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(value)).map(|(n, _)| n);
    let lost = old.keys().filter(|name| !new.contains_key(*name));
    let mut variables: Vec<&String> = changed.chain(lost).collect();
    if sources.before.upstream() != sources.desired.upstream() {
        // Variables that follow from the upstream are reported by its key.
        let before = variables.len();
        variables.retain(|name| !UPSTREAM_VARIABLES.contains(&name.as_str()));
        causes.extend(keys(&[("model.upstream", variables.len() < before)]));
    }
    causes.extend(variables.into_iter().map(|name| Cause::Variable(name.clone())));
    causes
}

/// Which parts of a policy differ, by their keys.
fn policy_difference(old: &Policy, new: &Policy) -> Vec<Cause> {
    let restart = (&old.restart, &new.restart);
    let start = (&old.start, &new.start);
    let schedule = (old.schedule.as_ref(), new.schedule.as_ref());
    let zone = |policy: Option<&'_ SchedulePolicy>| policy.and_then(|s| s.timezone.clone());
    let is_at_start = |policy: Option<&SchedulePolicy>| policy.is_some_and(|s| s.run_at_start);
    let catch_up = |policy: Option<&SchedulePolicy>| policy.map(|s| s.catch_up).unwrap_or_default();
    keys(&[
        ("restart.policy", restart.0.policy != restart.1.policy),
        ("restart.max_attempts", restart.0.max_attempts != restart.1.max_attempts),
        ("restart.delay", restart.0.delay != restart.1.delay),
        ("restart.backoff", restart.0.backoff != restart.1.backoff),
        ("restart.max_delay", restart.0.max_delay != restart.1.max_delay),
        ("restart.jitter", restart.0.jitter != restart.1.jitter),
        ("restart.reset_after", restart.0.reset_after != restart.1.reset_after),
        ("restart.success_codes", restart.0.success_codes != restart.1.success_codes),
        ("start.ready", start.0.ready != start.1.ready),
        ("start.ready_line", start.0.ready_line != start.1.ready_line),
        ("start.alive_after", start.0.alive_after != start.1.alive_after),
        ("start.timeout", start.0.timeout != start.1.timeout),
        ("start.run_timeout", start.0.run_timeout != start.1.run_timeout),
        ("liveness.probe", old.probe != new.probe),
        ("stop.signal", old.stop.signal != new.stop.signal),
        ("stop.to", old.stop.to != new.stop.to),
        ("stop.message", old.stop.message != new.stop.message),
        ("stop.timeout", old.stop.timeout != new.stop.timeout),
        ("reload.on_change", old.reload != new.reload),
        ("schedule", schedule.0.map(|s| &s.expression) != schedule.1.map(|s| &s.expression)),
        ("timezone", zone(schedule.0) != zone(schedule.1)),
        ("after", old.after != new.after),
        ("catch_up", catch_up(schedule.0) != catch_up(schedule.1)),
        ("run_at_start", is_at_start(schedule.0) != is_at_start(schedule.1)),
    ])
}

/// The keys whose values differ.
fn keys(parts: &[(&'static str, bool)]) -> Vec<Cause> {
    parts.iter().filter(|(_, differs)| *differs).map(|(key, _)| Cause::Key(key)).collect()
}

impl Sources<'_> {
    /// Whether the arguments that a worker has of its own are as they were.
    fn are_args_the_same(&self) -> bool {
        self.before.args(self.id) == self.desired.args(self.id)
    }

    /// The files whose content differs, of those the worker is made of.
    fn changed_files(&self) -> Vec<Cause> {
        let packages = self.desired.packages().filter(|new| self.before.packages() != Some(new));
        let packages = packages.map(|new| Cause::File(new.lock_file.clone()));
        let (old, new) = (self.before.source(self.id), self.desired.source(self.id));
        let (Some(old), Some(new)) = (old, new) else {
            return vec![packages.unwrap_or(Cause::Content)];
        };
        if let Some(packages) = packages.clone().filter(|_| old.fingerprint == new.fingerprint) {
            return vec![packages];
        }
        let is_changed = |file: &PathBuf, print| !old.uses.contains(&(file.clone(), print));
        let changed = new.uses.iter().filter(|(file, print)| is_changed(file, *print));
        let is_kept = |file: &PathBuf| new.uses.iter().any(|(other, _)| other == file);
        let lost = old.uses.iter().filter(|(file, _)| !is_kept(file));
        let mut causes: Vec<Cause> =
            changed.chain(lost).map(|(file, _)| Cause::File(file.clone())).collect();
        causes.extend(packages);
        if causes.is_empty() {
            causes.push(Cause::File(new.file.clone()));
        }
        causes
    }
}
