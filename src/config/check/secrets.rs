//! Every value that must never be seen, gathered from wherever it comes.

use std::collections::{BTreeMap, HashSet};

use secrecy::{ExposeSecret, SecretString};

use super::listen;
use crate::{
    config::{
        hidden::Hidden,
        model::{Env, Secret, Server, WorkerSettings},
    },
    domain::EnvMap,
    text,
};

/// The secrets, the longest first, so that one that holds another is hidden as a whole.
pub(super) fn secrets(
    env: &Env,
    server: &Server,
    workers: &BTreeMap<String, WorkerSettings>,
) -> Vec<Secret> {
    let names = Hidden::matching(env.secret.iter().map(String::as_str));
    let maps: [&EnvMap; 2] = [&env.set, &env.available];
    let variables = maps
        .into_iter()
        .chain(workers.values().map(|worker| &worker.env))
        .flat_map(|map| &map.0)
        .filter(|(name, _)| names.is_secret(name))
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let token = listen::exposed(server).map(|token| ("server.token", token));
    let mut seen = HashSet::new();
    let mut secrets: Vec<Secret> = variables
        .chain(token)
        .filter(|(_, value)| text::is_worth_hiding(value) && seen.insert(*value))
        .map(|(name, value)| Secret { name: name.to_owned(), value: SecretString::from(value) })
        .collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.value.expose_secret().len()));
    secrets
}
