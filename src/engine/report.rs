//! Reports: config, verdicts and reload counts as the server shows them.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Serialize;

use crate::{
    config::{Config, Secret},
    discovery::Verdict,
    domain::{Generation, ReloadReport, ReloadResult, os_text},
};

/// The config in force, as `GET /config` shows it: secrets are already hidden.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigReport {
    /// The generation it belongs to.
    pub generation: Generation,
    /// The file, absolute.
    #[serde(serialize_with = "os_text::serialize_shown")]
    pub file: PathBuf,
    /// The active profile.
    pub profile: String,
    /// Every key with its value.
    pub config: serde_json::Value,
    /// Where each value comes from, by key path.
    pub sources: BTreeMap<String, &'static str>,
    /// The last reload that changed something or failed.
    pub last_reload: Option<ReloadReport>,
    /// The last reloads that changed something or failed, newest first, each by itself.
    pub reloads: VecDeque<Arc<ReloadReport>>,
}

/// The verdicts on all files, as `GET /discovery` shows them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiscoveryReport {
    /// The folder, absolute.
    #[serde(serialize_with = "os_text::serialize_shown")]
    pub directory: PathBuf,
    /// One verdict a file.
    pub files: Arc<Vec<Verdict>>,
}

/// What the status server needs of the config in force.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where it should listen.
    pub listen: std::net::SocketAddr,
    /// What clients must show.
    pub token: Option<Secret>,
    /// Host names accepted beside loopback and the listen address, lower case.
    pub allowed_hosts: Vec<String>,
    /// Connections at once.
    pub max_connections: usize,
}

impl ServerSettings {
    pub(crate) fn of(config: &Config) -> Self {
        let server = &config.server;
        Self {
            listen: server.listen,
            token: server.token.clone(),
            allowed_hosts: server.allowed_hosts.clone(),
            max_connections: server.max_connections,
        }
    }
}

/// How many reloads were applied and rejected, of those that changed something.
#[derive(Debug, Default)]
pub struct ReloadCounters {
    applied: AtomicU64,
    rejected: AtomicU64,
}

impl ReloadCounters {
    pub(crate) fn count(&self, result: ReloadResult) {
        let counter = match result {
            ReloadResult::Applied => &self.applied,
            ReloadResult::Rejected => &self.rejected,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were applied.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied.load(Ordering::Relaxed)
    }

    /// How many were rejected.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

    use super::*;
    use crate::discovery::VerdictKind;

    #[test]
    fn paths_that_are_not_utf8_are_shown_escaped() {
        let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        let verdict = Verdict {
            file: path(b"n\xe9me.js"),
            verdict: VerdictKind::Rejected,
            id: None,
            rule: None,
            line: None,
            reason: None,
        };
        let discovery = DiscoveryReport {
            directory: path(b"/s\xe9te/workers"),
            files: Arc::new(vec![verdict]),
        };
        let json = serde_json::to_value(&discovery).expect("any path can be shown");
        assert_eq!(json["directory"], "/s\\xe9te/workers");
        assert_eq!(json["files"][0]["file"], "n\\xe9me.js");
        let config = ConfigReport {
            generation: Generation::default(),
            file: path(b"/s\xe9te/arcanos.toml"),
            profile: String::new(),
            config: serde_json::Value::Null,
            sources: BTreeMap::new(),
            last_reload: None,
            reloads: VecDeque::new(),
        };
        let json = serde_json::to_value(&config).expect("any path can be shown");
        assert_eq!(json["file"], "/s\\xe9te/arcanos.toml");
    }
}
