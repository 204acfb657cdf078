//! The JSON of `GET /health`.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::seconds::seconds;
use crate::{
    domain::{Generation, Snapshot, Stamp, os_text},
    server::guard::Asker,
};

/// What stands in place of each text for those who have not shown the token.
const WITHHELD: &str = "[with the token]";

/// `GET /health`.
#[derive(Serialize)]
pub(in crate::server) struct Health<'a> {
    status: &'static str,
    timestamp: Stamp,
    service: &'static str,
    version: &'static str,
    ai: Ai<'a>,
    workers: BTreeMap<&'static str, usize>,
    config: HealthConfig<'a>,
    discovery: HealthDiscovery<'a>,
    problems: Vec<&'a str>,
    system: HealthSystem<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ai<'a> {
    default_model: &'a str,
    upstream: &'a str,
    reachable: Option<bool>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HealthConfig<'a> {
    generation: Generation,
    file: String,
    loaded_at: Stamp,
    error: Option<&'a str>,
    /// How many errors there are, for those who do not get to see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<usize>,
}

#[derive(Serialize)]
struct HealthDiscovery<'a> {
    directory: String,
    watcher: &'a str,
    error: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HealthSystem<'a> {
    uptime_seconds: f64,
    memory_bytes: Option<u64>,
    pid: u32,
    environment: &'a str,
}

/// The figures of arcanos itself in `/health`.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Own {
    pub(in crate::server) uptime: Duration,
    pub(in crate::server) memory_bytes: Option<u64>,
}

impl<'a> Health<'a> {
    /// The health in this snapshot, with the texts that this asker may see.
    pub(in crate::server) fn new(snapshot: &'a Snapshot, own: Own, asker: Asker) -> Self {
        let shown = |text: &'a str| match asker {
            Asker::Known => text,
            Asker::Stranger => WITHHELD,
        };
        let error = snapshot.config.error.as_deref();
        let mut workers = BTreeMap::from([("total", snapshot.workers.len())]);
        workers.extend(snapshot.counts().0.into_iter().map(|(state, n)| (state.as_str(), n)));
        Self {
            status: if snapshot.is_degraded() { "degraded" } else { "OK" },
            timestamp: Stamp::now(),
            service: "ARCANOS",
            version: env!("CARGO_PKG_VERSION"),
            ai: Ai {
                default_model: &snapshot.ai.default_model,
                upstream: &snapshot.ai.upstream,
                reachable: snapshot.ai.reachable,
                error: snapshot.ai.error.as_deref().map(shown),
            },
            workers,
            config: HealthConfig {
                generation: snapshot.generation,
                file: os_text::shown_path(&snapshot.config.file),
                loaded_at: snapshot.config.loaded_at,
                error: error.map(shown),
                // Each error is one line.
                errors: error.filter(|_| asker == Asker::Stranger).map(|e| e.lines().count()),
            },
            discovery: HealthDiscovery {
                directory: os_text::shown_path(&snapshot.discovery.directory),
                watcher: &snapshot.discovery.watcher,
                error: snapshot.discovery.error.as_deref().map(shown),
            },
            problems: snapshot.reasons().map(shown).collect(),
            system: HealthSystem {
                uptime_seconds: seconds(own.uptime),
                memory_bytes: own.memory_bytes,
                pid: std::process::id(),
                environment: &snapshot.environment,
            },
        }
    }
}
