//! `[workers.ID]`: each over the sections of the same names.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    paths::absolute,
    rules::has_program,
    schedule::schedule,
    sections::{Scope, restart, start, stop, warn_of_restart, warn_of_start},
};
use crate::{
    config::{
        key::KeyPath,
        layers::Source,
        model::WorkerSettings,
        raw::{Overlay, RawConfig, RawLimits, RawWorker},
        report::Report,
    },
    domain::{EnvMap, Limits, WorkerId},
};

/// The workers, by id; `None` if one misses something.
pub(super) fn workers(
    raw: &mut RawConfig,
    scope: &Scope<'_>,
    report: &mut Report,
) -> Option<BTreeMap<String, WorkerSettings>> {
    let tables = raw.workers.take().unwrap_or_default();
    let checked: Vec<Option<(String, WorkerSettings)>> = tables
        .into_iter()
        .map(|(id, table)| {
            let key = KeyPath::of("workers").key(&id);
            if let Err(invalid) = WorkerId::parse(&id) {
                report.about(scope.layers, &key, invalid.to_string());
            }
            Some((id, worker(table, raw, &key, (scope, report))?))
        })
        .collect();
    checked.into_iter().collect()
}

/// The ids that only `ARCANOS__WORKERS__ID__…` variables name.
pub(super) fn ids_of_variables(
    workers: &BTreeMap<String, WorkerSettings>,
    scope: &Scope<'_>,
) -> BTreeSet<String> {
    let is_spelled = |id: &&String| {
        let key = KeyPath::of("workers").key(id);
        let mut others = scope.layers.0.iter().filter(|l| l.source != Source::Environment);
        others.any(|layer| key.find(&layer.tree).is_some())
    };
    workers.keys().filter(|id| !is_spelled(id)).cloned().collect()
}

fn worker(
    mut raw: RawWorker,
    base: &RawConfig,
    key: &KeyPath,
    (scope, report): (&Scope<'_>, &mut Report),
) -> Option<WorkerSettings> {
    let schedule = schedule(&raw, key, scope, report);
    if raw.command.as_ref().is_some_and(|command| !has_program(command)) {
        let text = "empty, expected program and arguments, like [\"node\", \"{file}\"]";
        report.about(scope.layers, &key.key("command"), text.to_owned());
    }
    if raw.start.as_ref().is_some_and(|start| start.concurrency.is_some()) {
        let text = "counts over all workers, so it can only be set as `start.concurrency`";
        let key = key.key("start").key("concurrency");
        report.about(scope.layers, &key, text.to_owned());
    }
    check_variables(&raw, key, scope, report);
    let (base_restart, base_start) = (base.restart.as_ref()?, base.start.as_ref()?);
    let own_restart = restart(&raw.restart.unwrap_or_default().over(base_restart))?;
    let own_start = start(&raw.start.unwrap_or_default().over(base_start))?;
    // What is odd about the sections themselves has been told of them.
    if own_restart != restart(base_restart)? {
        warn_of_restart(&own_restart, key, report);
    }
    if own_start != start(base_start)? {
        warn_of_start(&own_start, key, report);
    }
    let on_change = raw.reload.take().unwrap_or_default().over(base.reload.as_ref()?);
    Some(WorkerSettings {
        enabled: raw.enabled.unwrap_or(true),
        schedule,
        args: raw.args.unwrap_or_default(),
        cwd: raw.cwd.map(|cwd| absolute(scope.inputs.folder(), &cwd)),
        env: EnvMap(raw.env.unwrap_or_default()),
        restart: own_restart,
        start: own_start,
        stop: stop(&raw.stop.unwrap_or_default().over(base.stop.as_ref()?))?,
        on_change: on_change.on_change?,
        mode: raw.mode,
        command: raw.command,
        limits: limits(&raw.limits.unwrap_or_default()),
        user: raw.user.filter(|user| !user.is_empty()),
    })
}

fn limits(raw: &RawLimits) -> Limits {
    Limits {
        memory: raw.memory.map(|size| size.0),
        open_files: raw.open_files.map(|count| u64::from(count.0)),
        cpu: raw.cpu.map(|share| share.0),
    }
}

fn check_variables(raw: &RawWorker, key: &KeyPath, scope: &Scope<'_>, report: &mut Report) {
    let key = key.key("env");
    for (name, value) in raw.env.iter().flatten() {
        check_variable(name, value, &key.key(name), (scope, report));
    }
}

/// Tells of a variable that no system would take.
pub(super) fn check_variable(
    name: &str,
    value: &str,
    key: &KeyPath,
    (scope, report): (&Scope<'_>, &mut Report),
) {
    let text = if name.is_empty() || name.contains(['=', '\0']) {
        "the name of a variable is not empty and holds neither `=` nor a zero byte"
    } else if value.contains('\0') {
        "the value of a variable holds no zero byte"
    } else {
        return;
    };
    report.about(scope.layers, key, text.to_owned());
}
