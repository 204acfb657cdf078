//! The JSON of the status server, with the fields that the command line reads.
//!
//! A field that is missing or `null` is absent, so that an older or a newer arcanos can be talked
//! to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::domain::{Exit, signal_number};

/// `GET /workers/status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    pub(crate) generation: u64,
    pub(crate) workers: StatusWorkers,
}

/// Its `workers`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StatusWorkers {
    pub(crate) errors: BTreeMap<String, String>,
    pub(crate) details: Vec<Worker>,
}

/// `GET /health`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Health {
    pub(crate) status: String,
    pub(crate) version: String,
    pub(crate) problems: Vec<String>,
    pub(crate) config: Part,
    pub(crate) discovery: Part,
    pub(crate) ai: Part,
}

/// A part of it that may be in trouble.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    pub(crate) error: Option<String>,
}

/// A worker.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Worker {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) enabled: Option<bool>,
    pub(crate) file: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) mode: Option<String>,
    pub(crate) pid: Option<u32>,
    pub(crate) model: Option<String>,
    pub(crate) uptime_seconds: Option<f64>,
    pub(crate) attempts: Option<u64>,
    pub(crate) max_attempts: Value,
    #[serde(deserialize_with = "moment")]
    pub(crate) next_start_at: Option<Timestamp>,
    pub(crate) starts: Option<u64>,
    pub(crate) last_exit: Option<LastExit>,
    pub(crate) reason: Option<String>,
    pub(crate) changed: Option<bool>,
    pub(crate) warnings: Option<Vec<String>>,
    #[serde(deserialize_with = "moment")]
    pub(crate) last_run_at: Option<Timestamp>,
}

/// How a worker's last run ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LastExit {
    pub(crate) code: Option<i64>,
    pub(crate) signal: Option<Value>,
    pub(crate) cause: Option<String>,
    pub(crate) reason: Option<String>,
    #[serde(deserialize_with = "moment")]
    pub(crate) at: Option<Timestamp>,
    pub(crate) uptime_seconds: Option<f64>,
    pub(crate) peak_memory_bytes: Option<u64>,
    pub(crate) last_lines: Option<Vec<String>>,
}

/// The answer of `GET /workers/logs/ID?format=json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Lines {
    pub(crate) logs: Vec<Line>,
}

/// One line of a log.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Line {
    #[serde(deserialize_with = "moment")]
    pub(crate) ts: Option<Timestamp>,
    pub(crate) message: String,
}

/// The plan in the answer to `POST /reload`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Plan {
    pub(crate) started: Vec<String>,
    pub(crate) stopped: Vec<String>,
    pub(crate) restarted: Vec<String>,
    pub(crate) updated: Vec<String>,
    pub(crate) unchanged: u64,
    pub(crate) reasons: BTreeMap<String, String>,
}

/// A moment; one that cannot be read is absent.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

impl Worker {
    /// Whether it has a run: only then is there an uptime.
    pub(crate) const fn has_run(&self) -> bool {
        self.uptime_seconds.is_some()
    }
}

impl LastExit {
    /// `code 1` or `SIGKILL`; `None` if there never was a process.
    pub(crate) fn how(&self) -> Option<String> {
        match (&self.code, &self.signal) {
            (_, Some(Value::String(name))) => Some(name.clone()),
            (_, Some(Value::Number(number))) => Some(format!("signal {number}")),
            (Some(code), _) => Some(format!("code {code}")),
            _ => None,
        }
    }

    /// Code or signal as a fact, if there was a process and its signal is a known one.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match (self.code, &self.signal) {
            (_, Some(Value::String(name))) => {
                let by_number = || name.strip_prefix("SIG")?.parse().ok();
                signal_number(name).or_else(by_number).map(Exit::Signal)
            }
            (Some(code), _) => i32::try_from(code).ok().map(Exit::Code),
            (None, _) => None,
        }
    }

    /// Whether its reason says no more than its code or signal.
    pub(crate) const fn is_unexplained(&self) -> bool {
        self.reason.is_some() && self.cause.is_none()
    }

    /// The last line that it wrote to stderr.
    pub(crate) fn last_words(&self) -> Option<&str> {
        let lines = self.last_lines.as_deref().unwrap_or_default();
        lines.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_unexplained_where_no_cause_is_named_beside_code_or_signal() {
        for (cause, reason, is_unexplained) in [
            (None, Some("exited with code 1"), true),
            (Some("session limit"), Some("session limit (exited with code 1)"), false),
            (Some("no such program"), Some("no such program"), false),
            (None, None, false),
        ] {
            let [cause, reason] = [cause, reason].map(|text| text.map(str::to_owned));
            let exit = LastExit { cause, reason, ..LastExit::default() };
            assert_eq!(exit.is_unexplained(), is_unexplained, "{exit:?}");
        }
    }

    #[test]
    fn missing_and_null_fields_are_absent() {
        let text = r#"{"id":"a","state":"failed","pid":null,"maxAttempts":3,"uptimeSeconds":12,
            "lastExit":{"code":null,"signal":"SIGKILL","reason":null,"at":"2026-11-23T17:00:00.000Z"}}"#;
        let worker: Worker = serde_json::from_str(text).expect("a worker");
        assert_eq!((worker.pid, worker.uptime_seconds), (None, Some(12.0)));
        assert_eq!(worker.last_exit.and_then(|exit| exit.how()).as_deref(), Some("SIGKILL"));
    }
}
