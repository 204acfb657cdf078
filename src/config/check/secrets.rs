//! Collects every secret value of a config, from all of its sources, for redaction.

use std::collections::{BTreeMap, HashSet};

use crate::{
    config::{
        hidden::Hidden,
        model::{Env, Server, WorkerSettings},
        secret::{NamedSecret, Secret},
    },
    domain::EnvMap,
    text,
};

/// The secrets, the longest first, so that one that holds another is hidden as a whole.
pub(super) fn secrets(
    env: &Env,
    server: &Server,
    workers: &BTreeMap<String, WorkerSettings>,
) -> Vec<NamedSecret> {
    let names = Hidden::matching(env.secret.iter().map(String::as_str));
    let maps: [&EnvMap; 2] = [&env.set, &env.available];
    let variables = maps
        .into_iter()
        .chain(workers.values().map(|worker| &worker.env))
        .flat_map(|map| &map.0)
        .filter(|(name, _)| names.is_secret(name))
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let token = server.token.as_ref().map(|token| ("server.token", token.expose()));
    let mut seen = HashSet::new();
    let mut secrets: Vec<NamedSecret> = variables
        .chain(token)
        .filter(|(_, value)| text::is_worth_hiding(value) && seen.insert(*value))
        .map(|(name, value)| NamedSecret { name: name.to_owned(), value: Secret::from(value) })
        .collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.value.expose().len()));
    secrets
}
