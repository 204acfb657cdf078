//! The environment variables of a worker: from the config, for the model, and its own id.

use std::collections::BTreeMap;

use crate::{
    config::{Config, WorkerSettings},
    domain::{EnvMap, WorkerId},
};

/// Stands for a key where an upstream needs none: the SDKs refuse to start without one.
pub(crate) const PLACEHOLDER_KEY: &str = "arcanos-placeholder-key";

/// What an upstream of ours sets for a worker, but for the placeholder of a key.
pub(super) const UPSTREAM_VARIABLES: [&str; 4] =
    ["OPENAI_BASE_URL", "OPENAI_API_BASE", "NO_PROXY", "no_proxy"];

/// What a proxy must not be asked for.
const LOOPBACK: &str = "127.0.0.1,localhost";

/// The environment of a worker, and what was noticed on the way.
pub(super) struct Environment {
    pub(super) vars: EnvMap,
    /// Whether no key of the owner's is among them.
    pub(super) lacks_key: bool,
}

/// Puts the environment together. `upstream` is the base URL that the workers' requests go to;
/// without one the SDK's own address counts.
pub(super) fn environment(
    config: &Config,
    settings: &WorkerSettings,
    id: &WorkerId,
    upstream: Option<&str>,
) -> Environment {
    let mut vars = config.env.inherited.0.clone();
    let own = || config.env.set.0.iter().chain(&settings.env.0);
    vars.extend(own().map(|(name, value)| (name.clone(), value.clone())));
    let lacks_key = vars.get("OPENAI_API_KEY").is_none_or(|key| key.trim().is_empty());
    if let Some(url) = upstream {
        let is_own = own().any(|(name, _)| name == "OPENAI_BASE_URL" || name == "OPENAI_API_BASE");
        if !is_own {
            vars.insert("OPENAI_BASE_URL".to_owned(), url.to_owned());
            vars.insert("OPENAI_API_BASE".to_owned(), url.to_owned());
        }
        for name in ["NO_PROXY", "no_proxy"] {
            spare_loopback(&mut vars, name);
        }
        if lacks_key {
            vars.insert("OPENAI_API_KEY".to_owned(), PLACEHOLDER_KEY.to_owned());
        }
    }
    vars.insert("ARCANOS_WORKER_ID".to_owned(), id.to_string());
    vars.insert("WORKER_MANAGED".to_owned(), "true".to_owned());
    Environment { vars: EnvMap(vars), lacks_key }
}

/// The environment of a worker's probe: that of `[env]`, and whom the probe is about.
pub(super) fn of_probe(config: &Config, id: &WorkerId) -> EnvMap {
    let mut vars = config.env.inherited.0.clone();
    vars.extend(config.env.set.0.clone());
    vars.insert("ARCANOS_WORKER_ID".to_owned(), id.to_string());
    EnvMap(vars)
}

fn spare_loopback(vars: &mut BTreeMap<String, String>, name: &str) {
    let value = match vars.get(name).map(|value| value.trim()) {
        None | Some("") => LOOPBACK.to_owned(),
        Some(value) if value.split(',').any(|host| host.trim() == "127.0.0.1") => return,
        Some(value) => format!("{value},{LOOPBACK}"),
    };
    vars.insert(name.to_owned(), value);
}

/// What a worker reads and does not get, though arcanos has it.
pub(super) fn unpassed<'a>(
    config: &'a Config,
    vars: &'a EnvMap,
    reads: &'a [String],
) -> impl Iterator<Item = String> + 'a {
    let is_missed =
        |name: &&String| config.env.available.0.contains_key(*name) && !vars.0.contains_key(*name);
    reads.iter().filter(is_missed).map(|name| {
        format!(
            "reads process.env.{name}, which is set for arcanos but not passed on; add it to \
             `env.inherit` or to `[env.set]`"
        )
    })
}
