//! The health.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::seconds;
use crate::domain::{Generation, Snapshot, Stamp};

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
    file: Cow<'a, str>,
    loaded_at: Stamp,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct HealthDiscovery<'a> {
    directory: Cow<'a, str>,
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

/// What `/health` says of arcanos itself.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Own {
    pub(in crate::server) uptime: Duration,
    pub(in crate::server) memory_bytes: Option<u64>,
}

impl<'a> Health<'a> {
    /// The health by this picture.
    pub(in crate::server) fn new(picture: &'a Snapshot, own: Own) -> Self {
        let mut workers = BTreeMap::from([("total", picture.workers.len())]);
        workers.extend(picture.counts().0.into_iter().map(|(state, n)| (state.as_str(), n)));
        Self {
            status: if picture.is_degraded() { "degraded" } else { "OK" },
            timestamp: Stamp::now(),
            service: "ARCANOS",
            version: env!("CARGO_PKG_VERSION"),
            ai: Ai {
                default_model: &picture.ai.default_model,
                upstream: &picture.ai.upstream,
                reachable: picture.ai.reachable,
                error: picture.ai.error.as_deref(),
            },
            workers,
            config: HealthConfig {
                generation: picture.generation,
                file: picture.config.file.to_string_lossy(),
                loaded_at: picture.config.loaded_at,
                error: picture.config.error.as_deref(),
            },
            discovery: HealthDiscovery {
                directory: picture.discovery.directory.to_string_lossy(),
                watcher: &picture.discovery.watcher,
                error: picture.discovery.error.as_deref(),
            },
            problems: picture.reasons().collect(),
            system: HealthSystem {
                uptime_seconds: seconds(own.uptime),
                memory_bytes: own.memory_bytes,
                pid: std::process::id(),
                environment: &picture.environment,
            },
        }
    }
}
