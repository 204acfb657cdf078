//! The sections, one after another, and the config they make.

use std::{collections::BTreeMap, path::PathBuf};

use figment::value::Value;
use globset::{Glob, GlobSetBuilder};

use super::{
    listen::server,
    model::model,
    paths::absolute,
    patterns::{globs, redactions},
    rules::rules,
    secrets::secrets,
    workers::{check_variable, ids_of_variables, workers},
};
use crate::{
    config::{
        environment::Variables,
        inputs::Inputs,
        key::KeyPath,
        layers::Layers,
        model::{Config, Discovery, Env, Log},
        raw::{RawConfig, RawDiscovery, RawEnv, RawLog, RawRestart, RawStart, RawStop},
        report::Report,
    },
    domain::{EnvMap, ReadyRule, RestartPolicy, StartPolicy, StopPolicy},
};

/// What the checks may ask, beside the values themselves.
pub(in crate::config) struct Scope<'a> {
    /// What the config is made of.
    pub(in crate::config) inputs: &'a Inputs<'a>,
    /// Where values are written.
    pub(in crate::config) layers: &'a Layers<'a>,
    /// The merged values, not filled in: what errors may repeat.
    pub(in crate::config) written: &'a Value,
    /// The variables there are.
    pub(in crate::config) variables: &'a Variables,
    /// The active profile.
    pub(in crate::config) profile: &'a str,
}

/// The config, if everything is there and nothing wrong; and the file its token is from.
///
/// Every section is checked whatever is wrong with the ones before it.
pub(in crate::config) fn config(
    mut raw: RawConfig,
    scope: &Scope<'_>,
    report: &mut Report,
) -> (Option<Config>, Option<PathBuf>) {
    let discovery = discovery(raw.discovery.take().unwrap_or_default(), scope, report);
    let env = env(raw.env.take().unwrap_or_default(), scope, report);
    let model = model(&raw.model.take().unwrap_or_default(), env.as_ref(), scope, report);
    let log = log(raw.log.take().unwrap_or_default(), scope, report);
    let (server, token_file) = server(raw.server.take().unwrap_or_default(), scope, report);
    let root = KeyPath::default();
    let restart = raw.restart.as_ref().and_then(restart);
    let start = raw.start.as_ref().and_then(start);
    if let Some(restart) = &restart {
        warn_of_restart(restart, &root, report);
    }
    if let Some(start) = &start {
        warn_of_start(start, &root, report);
    }
    let workers = workers(&mut raw, scope, report);
    let state = raw.state.take().and_then(|state| state.directory);
    let config = (|| {
        let (env, server, workers) = (env?, server?, workers?);
        Some(Config {
            profile: scope.profile.to_owned(),
            discovery: discovery?,
            model: model?,
            restart: restart?,
            start: start?,
            concurrency: raw.start.as_ref()?.concurrency?.0,
            stop: stop(raw.stop.as_ref()?)?,
            on_change: raw.reload.as_ref()?.on_change?,
            log: log?,
            state_directory: absolute(scope.inputs.folder(), &state?),
            secrets: secrets(&env, &server, &workers),
            ids_of_variables: ids_of_variables(&workers, scope),
            env,
            server,
            workers,
        })
    })();
    (config, token_file)
}

fn discovery(raw: RawDiscovery, scope: &Scope<'_>, report: &mut Report) -> Option<Discovery> {
    let ignore = raw.ignore.unwrap_or_default();
    globs(&ignore, &KeyPath::of("discovery.ignore"), scope, report);
    let rules = rules(raw.rules.unwrap_or_default(), scope, report);
    Some(Discovery {
        directory: path(raw.directory.as_deref()?, "discovery.directory", scope, report),
        ignore,
        recursive: raw.recursive?,
        scan_interval: raw.scan_interval?.0,
        watch: raw.watch?,
        prepare: raw.prepare?,
        rules: rules?,
    })
}

fn env(raw: RawEnv, scope: &Scope<'_>, report: &mut Report) -> Option<Env> {
    let inherit = raw.inherit.unwrap_or_default();
    let secret = raw.secret.unwrap_or_default();
    let set = raw.set.unwrap_or_default();
    globs(&inherit, &KeyPath::of("env.inherit"), scope, report);
    globs(&secret, &KeyPath::of("env.secret"), scope, report);
    for (name, value) in &set {
        let key = KeyPath::of("env.set").key(name);
        check_variable(name, value, &key, (scope, report));
    }
    let available = &scope.variables.available;
    Some(Env {
        inherited: EnvMap(inherited(available, &inherit)),
        available: EnvMap(available.clone()),
        set: EnvMap(set),
        secret,
    })
}

/// The variables whose names match one of these globs.
fn inherited(available: &BTreeMap<String, String>, inherit: &[String]) -> BTreeMap<String, String> {
    let mut names = GlobSetBuilder::new();
    for glob in inherit.iter().filter_map(|glob| Glob::new(glob).ok()) {
        names.add(glob);
    }
    let names = names.build().unwrap_or_default();
    available
        .iter()
        .filter(|(name, _)| names.is_match(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn log(raw: RawLog, scope: &Scope<'_>, report: &mut Report) -> Option<Log> {
    let redact = raw.redact.unwrap_or_default();
    redactions(&redact, &KeyPath::of("log.redact"), scope, report);
    let level = raw.level.unwrap_or_default();
    check_level(&level, scope, report);
    Some(Log {
        session: path(raw.session.as_deref()?, "log.session", scope, report),
        directory: path(raw.directory.as_deref()?, "log.directory", scope, report),
        includes: raw.includes?.into_iter().collect(),
        format: raw.format?,
        level,
        max_size: raw.max_size?.0,
        keep: raw.keep?,
        max_line: usize::try_from(raw.max_line?.0).unwrap_or(usize::MAX),
        redact,
    })
}

/// A filter is read leniently, `inof` being a module of that name. Such a slip would show
/// everything or nothing, so a part without `=` must be a level.
fn check_level(level: &str, scope: &Scope<'_>, report: &mut Report) {
    let is_level = |word: &str| {
        let levels = ["off", "error", "warn", "info", "debug", "trace"];
        levels.iter().any(|level| word.eq_ignore_ascii_case(level))
    };
    let is_part = |part: &str| match part.rsplit_once('=') {
        Some((_, level)) => is_level(level.trim()),
        None => is_level(part.trim()),
    };
    let key = KeyPath::of("log.level");
    if !level.split(',').all(is_part) && !report.has(&key) {
        let shown = report.shown(scope.written, &key);
        let text = format!(
            "found {shown}, expected one of \"error\", \"warn\", \"info\", \"debug\", \"trace\", \
             \"off\", or a filter, like \"info,arcanos::engine=debug\""
        );
        report.about(scope.layers, &key, text);
    }
}

fn path(text: &str, key: &str, scope: &Scope<'_>, report: &mut Report) -> PathBuf {
    if text.trim().is_empty() || text.contains('\0') {
        let text = "expected a path, relative to the folder of the config or absolute";
        report.about(scope.layers, &KeyPath::of(key), text.to_owned());
    }
    absolute(scope.inputs.folder(), text)
}

/// Warns of delays that do not fit each other.
pub(super) fn warn_of_restart(restart: &RestartPolicy, table: &KeyPath, report: &mut Report) {
    if restart.delay > restart.max_delay {
        let key = table.key("restart").key("delay");
        let text = format!("{key}: longer than `max_delay`, which holds instead");
        report.warnings.push(text);
    }
}

/// Warns of times in which no run could become ready.
pub(super) fn warn_of_start(start: &StartPolicy, table: &KeyPath, report: &mut Report) {
    if start.ready == ReadyRule::Alive && start.alive_after >= start.timeout {
        let key = table.key("start").key("alive_after");
        let text = format!("{key}: not shorter than `timeout`, so every run would fail its start");
        report.warnings.push(text);
    }
}

/// `[restart]`; `None` if a key is missing.
pub(super) fn restart(raw: &RawRestart) -> Option<RestartPolicy> {
    Some(RestartPolicy {
        policy: raw.policy?,
        max_attempts: raw.max_attempts?.0,
        delay: raw.delay?.0,
        backoff: raw.backoff?,
        max_delay: raw.max_delay?.0,
        jitter: raw.jitter?.0,
        reset_after: raw.reset_after?.0,
    })
}

/// `[start]`; `None` if a key is missing.
pub(super) fn start(raw: &RawStart) -> Option<StartPolicy> {
    Some(StartPolicy {
        ready: raw.ready?,
        alive_after: raw.alive_after?.0,
        timeout: raw.timeout?.0,
        run_timeout: raw.run_timeout?.0,
    })
}

/// `[stop]`; `None` if a key is missing.
pub(super) fn stop(raw: &RawStop) -> Option<StopPolicy> {
    Some(StopPolicy { signal: raw.signal?.0, timeout: raw.timeout?.0 })
}
