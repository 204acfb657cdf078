//! Checks the sections in order, and builds the [`Config`] from them.

use std::{collections::BTreeMap, path::PathBuf};

use globset::{Glob, GlobSetBuilder};

use super::{
    checker::Checker,
    paths::{absolute, program_from},
    policies::{restart, start, stop},
    secrets::secrets,
};
use crate::{
    config::{
        key::KeyPath,
        model::{Config, Discovery, Env, Log, Prepare},
        raw::{RawConfig, RawDiscovery, RawEnv, RawLog},
    },
    domain::EnvMap,
};

impl Checker<'_> {
    /// The config, if everything is there and nothing is wrong.
    ///
    /// Every section is checked, whatever is wrong with the ones before it.
    pub(in crate::config) fn config(&mut self, mut raw: RawConfig) -> Option<Config> {
        let discovery = self.discovery(raw.discovery.take().unwrap_or_default());
        let env = self.env(raw.env.take().unwrap_or_default());
        let model = self.model(&raw.model.take().unwrap_or_default(), env.as_ref());
        let log = self.log(raw.log.take().unwrap_or_default());
        let server = self.server(raw.server.take().unwrap_or_default());
        let root = KeyPath::default();
        let restart = raw.restart.as_ref().and_then(restart);
        let start = raw.start.as_ref().and_then(start);
        if let Some(restart) = &restart {
            self.warn_of_restart(restart, &root);
        }
        let probe = self.probe(raw.liveness.as_ref(), None, &root);
        self.ready_line(raw.start.as_ref(), &root);
        if let Some(start) = &start {
            self.start_fits(start, probe.as_deref(), &root);
        }
        let workers = self.workers(&mut raw);
        let state = raw.state.take().and_then(|state| state.directory);
        let (env, server, workers) = (env?, server?, workers?);
        Some(Config {
            profile: self.profile.to_owned(),
            discovery: discovery?,
            model: model?,
            restart: restart?,
            start: start?,
            probe,
            concurrency: raw.start.as_ref()?.concurrency?.0,
            stop: stop(raw.stop.as_ref()?)?,
            on_change: raw.reload.as_ref()?.on_change?,
            log: log?,
            state_directory: absolute(self.inputs.folder(), &state?),
            secrets: secrets(&env, &server, &workers),
            ids_of_variables: self.ids_of_variables(&workers),
            env,
            server,
            workers,
        })
    }

    fn discovery(&mut self, raw: RawDiscovery) -> Option<Discovery> {
        let ignore = raw.ignore.unwrap_or_default();
        self.globs(&ignore, &KeyPath::of("discovery.ignore"));
        let rules = self.rules(raw.rules.unwrap_or_default());
        Some(Discovery {
            directory: self.path(raw.directory.as_deref()?, "discovery.directory"),
            ignore,
            recursive: raw.recursive?,
            scan_interval: raw.scan_interval?.0,
            watch: raw.watch?,
            world_writable: raw.world_writable?,
            prepare: self.prepare(raw.prepare?),
            rules: rules?,
        })
    }

    /// The command that prepares packages. It runs in the folder of workers.
    fn prepare(&self, mut prepare: Prepare) -> Prepare {
        if let Prepare::Command(command) = &mut prepare
            && let Some(program) = command.first_mut()
        {
            *program = program_from(self.inputs.folder(), program);
        }
        prepare
    }

    fn env(&mut self, raw: RawEnv) -> Option<Env> {
        let inherit = raw.inherit.unwrap_or_default();
        let secret = raw.secret.unwrap_or_default();
        let set = raw.set.unwrap_or_default();
        self.globs(&inherit, &KeyPath::of("env.inherit"));
        self.globs(&secret, &KeyPath::of("env.secret"));
        for (name, value) in &set {
            self.variable(name, value, &KeyPath::of("env.set").key(name));
        }
        let available = &self.variables.available;
        Some(Env {
            inherited: EnvMap(inherited(available, &inherit)),
            available: EnvMap(available.clone()),
            set: EnvMap(set),
            secret,
        })
    }

    fn log(&mut self, raw: RawLog) -> Option<Log> {
        let redact = raw.redact.unwrap_or_default();
        self.redactions(&redact, &KeyPath::of("log.redact"));
        let level = raw.level.unwrap_or_default();
        self.level(&level);
        Some(Log {
            session: self.path(raw.session.as_deref()?, "log.session"),
            directory: self.path(raw.directory.as_deref()?, "log.directory"),
            includes: raw.includes?.into_iter().collect(),
            format: raw.format?,
            level,
            max_size: raw.max_size?.0,
            keep: raw.keep?,
            max_line: usize::try_from(raw.max_line?.0).unwrap_or(usize::MAX),
            redact,
        })
    }

    /// Reports a level that is mistyped. A filter is read leniently: `inof` would be a module of
    /// that name, and everything or nothing would be logged. So a part without `=` must be a
    /// level.
    fn level(&mut self, level: &str) {
        let is_level = |word: &str| {
            let levels = ["off", "error", "warn", "info", "debug", "trace"];
            levels.iter().any(|level| word.eq_ignore_ascii_case(level))
        };
        let is_part = |part: &str| match part.rsplit_once('=') {
            Some((_, level)) => is_level(level.trim()),
            None => is_level(part.trim()),
        };
        let key = KeyPath::of("log.level");
        if !level.split(',').all(is_part) {
            let shown = self.shown(&key);
            let text = format!(
                "found {shown}, expected one of \"error\", \"warn\", \"info\", \"debug\", \
                 \"trace\", \"off\", or a filter, like \"info,arcanos::engine=debug\""
            );
            self.error(&key, text);
        }
    }

    fn path(&mut self, text: &str, key: &str) -> PathBuf {
        if text.trim().is_empty() || text.contains('\0') {
            let text = "expected a path, relative to the folder of the config or absolute";
            self.error(&KeyPath::of(key), text);
        }
        absolute(self.inputs.folder(), text)
    }
}

/// The variables whose names match one of these globs, but for those that set keys of arcanos: its
/// token may be among them.
fn inherited(available: &BTreeMap<String, String>, inherit: &[String]) -> BTreeMap<String, String> {
    let mut names = GlobSetBuilder::new();
    for glob in inherit.iter().filter_map(|glob| Glob::new(glob).ok()) {
        names.add(glob);
    }
    let names = names.build().unwrap_or_default();
    available
        .iter()
        .filter(|(name, _)| names.is_match(name) && !is_own_setting(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Whether a variable sets a key of arcanos.
fn is_own_setting(name: &str) -> bool {
    let prefix = "ARCANOS__";
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
