//! Checks `[workers.ID]`, whose settings override the sections of the same names.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, PathBuf},
};

use super::{
    checker::Checker,
    paths::absolute,
    policies::{restart, start, stop},
    rules::has_program,
};
use crate::{
    config::{
        key::KeyPath,
        layers::Source,
        model::WorkerSettings,
        raw::{Overlay, RawConfig, RawLimits, RawWorker},
    },
    domain::{EnvMap, Limits, WorkerId},
};

impl Checker<'_> {
    /// The workers, by id; `None` if one lacks something.
    pub(super) fn workers(
        &mut self,
        raw: &mut RawConfig,
    ) -> Option<BTreeMap<String, WorkerSettings>> {
        let tables = raw.workers.take().unwrap_or_default();
        let checked: Vec<Option<(String, WorkerSettings)>> = tables
            .into_iter()
            .map(|(id, table)| {
                let key = KeyPath::of("workers").key(&id);
                if let Err(invalid) = WorkerId::parse(&id) {
                    self.error(&key, invalid.to_string());
                }
                Some((id, self.worker(table, raw, &key)?))
            })
            .collect();
        let workers: BTreeMap<String, WorkerSettings> =
            checked.into_iter().collect::<Option<_>>()?;
        self.circles(&workers);
        Some(workers)
    }

    /// The ids of `after`, with an error for each that can be none.
    fn after(&mut self, ids: &[String], key: &KeyPath) -> Vec<WorkerId> {
        let mut after = Vec::new();
        for (index, id) in ids.iter().enumerate() {
            match WorkerId::parse(id) {
                Ok(id) => after.push(id),
                Err(invalid) => self.error(&key.index(index), invalid.to_string()),
            }
        }
        after
    }

    /// Reports each worker that is to be launched after itself, directly or by others.
    fn circles(&mut self, workers: &BTreeMap<String, WorkerSettings>) {
        for (id, settings) in workers {
            let mut seen = BTreeSet::new();
            let mut waiting: Vec<&WorkerId> = settings.after.iter().collect();
            while let Some(next) = waiting.pop() {
                if seen.insert(next) {
                    let further = workers.get(next.as_str());
                    waiting.extend(further.iter().flat_map(|settings| &settings.after));
                }
            }
            if seen.iter().any(|seen| seen.as_str() == id) {
                let key = KeyPath::of("workers").key(id).key("after");
                self.error(&key, "leads in a circle back to this worker, so it would never start");
            }
        }
    }

    /// The ids that only `ARCANOS__WORKERS__ID__…` variables name.
    pub(super) fn ids_of_variables(
        &self,
        workers: &BTreeMap<String, WorkerSettings>,
    ) -> BTreeSet<String> {
        let is_spelled = |id: &&String| {
            let key = KeyPath::of("workers").key(id);
            let mut others = self.layers.0.iter().filter(|l| l.source != Source::Environment);
            others.any(|layer| key.find(&layer.tree).is_some())
        };
        workers.keys().filter(|id| !is_spelled(id)).cloned().collect()
    }

    fn worker(
        &mut self,
        mut raw: RawWorker,
        base: &RawConfig,
        key: &KeyPath,
    ) -> Option<WorkerSettings> {
        let schedule = self.schedule(&raw, key);
        let file = raw.file.take().map(|file| self.declared_file(&file, &key.key("file")));
        let watch = raw.watch.take().unwrap_or_default();
        self.globs_below(&watch, &key.key("watch"));
        if raw.command.as_ref().is_some_and(|command| !has_program(command)) {
            let text = "empty, expected program and arguments, like [\"node\", \"{file}\"]";
            self.error(&key.key("command"), text);
        }
        if raw.args.iter().flatten().any(|arg| arg.contains('\0')) {
            self.error(&key.key("args"), "has a NUL character, which no program can be given");
        }
        if raw.start.as_ref().is_some_and(|start| start.concurrency.is_some()) {
            let text = "counts over all workers, so it can only be set as `start.concurrency`";
            self.error(&key.key("start").key("concurrency"), text);
        }
        for (name, value) in raw.env.iter().flatten() {
            self.variable(name, value, &key.key("env").key(name));
        }
        self.ready_line(raw.start.as_ref(), key);
        let (base_restart, base_start) = (base.restart.as_ref()?, base.start.as_ref()?);
        let own_restart = restart(&raw.restart.unwrap_or_default().over(base_restart))?;
        let own_start = start(&raw.start.unwrap_or_default().over(base_start))?;
        // Of what is odd in the sections themselves there is a warning already.
        if own_restart != restart(base_restart)? {
            self.warn_of_restart(&own_restart, key);
        }
        let probe = self.probe(raw.liveness.as_ref(), base.liveness.as_ref(), key);
        if own_start != start(base_start)? || raw.liveness.is_some() {
            self.start_fits(&own_start, probe.as_deref(), key);
        }
        let on_change = raw.reload.take().unwrap_or_default().over(base.reload.as_ref()?);
        Some(WorkerSettings {
            enabled: raw.enabled.unwrap_or(true),
            file,
            schedule,
            after: self.after(&raw.after.unwrap_or_default(), &key.key("after")),
            watch,
            args: raw.args.unwrap_or_default(),
            cwd: raw.cwd.map(|cwd| absolute(self.inputs.folder(), &cwd)),
            env: EnvMap(raw.env.unwrap_or_default()),
            restart: own_restart,
            start: own_start,
            probe,
            stop: stop(&raw.stop.unwrap_or_default().over(base.stop.as_ref()?))?,
            on_change: on_change.on_change?,
            mode: raw.mode,
            command: raw.command,
            stdin: raw.stdin.unwrap_or_default(),
            limits: limits(&raw.limits.unwrap_or_default()),
            user: raw.user.filter(|user| !user.is_empty()),
            new_privileges: raw.new_privileges.unwrap_or(false),
        })
    }

    /// The file of a worker by declaration; it lies below the folder of the config.
    fn declared_file(&mut self, file: &str, key: &KeyPath) -> PathBuf {
        let folder = self.inputs.folder();
        let mut plain = PathBuf::new();
        for part in absolute(folder, file).components() {
            match part {
                Component::ParentDir => drop(plain.pop()),
                part => plain.push(part),
            }
        }
        if !plain.starts_with(folder) || plain == folder {
            self.error_of_value(
                key,
                "leads out of the folder of the config, expected a file below it",
            );
        }
        plain
    }

    /// Reports a variable that no system would take.
    pub(super) fn variable(&mut self, name: &str, value: &str, key: &KeyPath) {
        if name.is_empty() || name.contains(['=', '\0']) {
            let text = "the name of a variable is not empty and holds neither `=` nor a zero byte";
            self.error(key, text);
        } else if value.contains('\0') {
            self.error(key, "the value of a variable holds no zero byte");
        }
    }
}

fn limits(raw: &RawLimits) -> Limits {
    Limits {
        memory: raw.memory.map(|size| size.0),
        open_files: raw.open_files.map(|count| u64::from(count.0)),
        cpu: raw.cpu.map(|share| share.0),
    }
}
