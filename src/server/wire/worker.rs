//! The JSON of workers.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::seconds::seconds;
use crate::domain::{
    ActivityKind, Attempts, Exit, ExitReason, LastExit, PastRun, RunId, RunOutcome, Stamp, State,
    Usage, WorkerId, WorkerView, os_text,
};

/// `GET /workers`.
#[derive(Serialize)]
pub(in crate::server) struct Workers<'a> {
    pub(in crate::server) workers: Vec<Worker<'a>>,
}

/// One worker, as `GET /workers/ID` shows it. What is not known is `null`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::server) struct Worker<'a> {
    id: &'a WorkerId,
    state: State,
    enabled: bool,
    file: String,
    rule: &'a str,
    mode: &'static str,
    pid: Option<u32>,
    run_id: Option<&'a RunId>,
    model: Option<&'a str>,
    started_at: Option<Stamp>,
    last_run_at: Option<Stamp>,
    /// With milliseconds.
    uptime_seconds: Option<f64>,
    attempts: u32,
    /// `null` is unlimited.
    max_attempts: Option<u32>,
    next_start_at: Option<Stamp>,
    starts: u64,
    skipped_runs: u64,
    last_exit: Option<ExitOf<'a>>,
    /// Its last runs that have ended, oldest first.
    recent_runs: Vec<Past>,
    /// Why it is in `backoff` or `failed`.
    reason: Option<String>,
    changed: bool,
    warnings: Vec<&'a str>,
    memory_bytes: Option<u64>,
    cpu_seconds: Option<f64>,
    log: Log,
    last_activity: Option<Activity<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExitOf<'a> {
    code: Option<i32>,
    signal: Option<String>,
    /// What is known beyond code and signal; `reason` has both in one sentence.
    cause: Option<String>,
    reason: Option<String>,
    at: Stamp,
    uptime_seconds: f64,
    /// The most memory that one of its processes held; `null` where that is not known.
    peak_memory_bytes: Option<u64>,
    /// Its last lines on stderr, oldest first; only after a failure.
    last_lines: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Past {
    started_at: Stamp,
    uptime_seconds: f64,
    code: Option<i32>,
    signal: Option<String>,
    reason: Option<String>,
    outcome: RunOutcome,
}

#[derive(Serialize)]
struct Log {
    bytes: u64,
    lines: u64,
    dropped: u64,
}

#[derive(Serialize)]
struct Activity<'a> {
    at: Stamp,
    kind: ActivityKind,
    message: &'a str,
}

/// The warning about a worker whose process is stopped by a signal.
const STALLED: &str = "stalled: its process is stopped by a signal; SIGCONT lets it go on";

/// The warnings about a worker: those of the snapshot, and those that its usage shows.
fn warnings(view: &WorkerView, usage: Option<Usage>) -> Vec<&str> {
    let stalled = usage.filter(|usage| usage.is_stalled).map(|_| STALLED);
    view.warnings.iter().map(String::as_str).chain(stalled).collect()
}

impl<'a> Worker<'a> {
    /// The worker as it is now.
    pub(in crate::server) fn new(view: &'a WorkerView, usage: Option<Usage>, now: Instant) -> Self {
        let log = view.log.read();
        Self {
            id: &view.id,
            state: view.state,
            enabled: view.enabled,
            file: os_text::shown_path(&view.file),
            rule: &view.rule,
            mode: view.mode.as_str(),
            pid: view.instance.as_ref().and_then(|name| name.as_str().parse().ok()),
            run_id: view.run_id.as_ref(),
            model: view.model.as_deref(),
            started_at: view.started.map(|started| started.at),
            last_run_at: view.last_run_at,
            uptime_seconds: age(view, now).map(seconds),
            attempts: view.attempts,
            max_attempts: match view.max_attempts {
                Attempts::Max(max) => Some(max),
                Attempts::Unlimited => None,
            },
            next_start_at: view.next_start_at,
            starts: view.starts,
            skipped_runs: view.skipped_runs,
            last_exit: view.last_exit.as_ref().map(ExitOf::new),
            recent_runs: view.past.iter().map(Past::new).collect(),
            reason: view.reason.as_ref().map(ToString::to_string),
            changed: view.changed,
            warnings: warnings(view, usage),
            memory_bytes: usage.map(|usage| usage.memory_bytes),
            cpu_seconds: usage.map(|usage| (usage.cpu_seconds * 1000.0).round() / 1000.0),
            log: Log { bytes: log.bytes, lines: log.lines, dropped: log.dropped },
            last_activity: view.last_activity.as_ref().map(|activity| Activity {
                at: activity.at,
                kind: activity.kind,
                message: &activity.message,
            }),
        }
    }
}

impl<'a> ExitOf<'a> {
    fn new(last: &'a LastExit) -> Self {
        Self {
            code: last.exit.and_then(Exit::code),
            signal: last.exit.and_then(Exit::signal),
            cause: last.reason.as_ref().and_then(ExitReason::cause).map(ToString::to_string),
            reason: last.reason.as_ref().map(ToString::to_string),
            at: last.at,
            uptime_seconds: seconds(last.uptime),
            peak_memory_bytes: last.evidence.peak_memory,
            last_lines: &last.evidence.last_lines,
        }
    }
}

impl Past {
    fn new(run: &PastRun) -> Self {
        Self {
            started_at: run.started_at,
            uptime_seconds: seconds(run.uptime),
            code: run.exit.code(),
            signal: run.exit.signal(),
            reason: run.reason.as_ref().map(ToString::to_string),
            outcome: run.outcome,
        }
    }
}

/// How long its run has been up.
pub(super) fn age(view: &WorkerView, now: Instant) -> Option<Duration> {
    let started = view.started?;
    Some(now.saturating_duration_since(started.instant))
}
