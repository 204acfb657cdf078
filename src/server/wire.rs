//! The shapes of answers, apart from the types inside: what stands here is what clients rely on.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::domain::{
    Attempts, Exit, Generation, LastExit, PlanSummary, RunId, Snapshot, Stamp, State, Usage,
    WorkerId, WorkerView, human_uptime,
};

/// `GET /workers`.
#[derive(Serialize)]
pub(super) struct Workers<'a> {
    pub(super) workers: Vec<Worker<'a>>,
}

/// One worker, as `GET /workers/ID` shows it. What there is not is `null`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Worker<'a> {
    id: &'a WorkerId,
    state: State,
    file: Cow<'a, str>,
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
    /// Why it is in `backoff` or `failed`.
    reason: Option<&'a str>,
    changed: bool,
    warnings: &'a [String],
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
    reason: Option<&'a str>,
    at: Stamp,
    uptime_seconds: f64,
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
    message: &'a str,
}

impl<'a> Worker<'a> {
    /// The worker as it is now.
    pub(super) fn new(view: &'a WorkerView, usage: Option<Usage>, now: Instant) -> Self {
        let log = view.log.read();
        Self {
            id: &view.id,
            state: view.state,
            file: view.file.to_string_lossy(),
            rule: &view.rule,
            mode: view.mode.as_str(),
            pid: view.pid,
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
            reason: view.reason.as_deref(),
            changed: view.changed,
            warnings: &view.warnings,
            memory_bytes: usage.map(|usage| usage.memory_bytes),
            cpu_seconds: usage.map(|usage| (usage.cpu_seconds * 1000.0).round() / 1000.0),
            log: Log { bytes: log.bytes, lines: log.lines, dropped: log.dropped },
            last_activity: view
                .last_activity
                .as_ref()
                .map(|activity| Activity { at: activity.at, message: &activity.message }),
        }
    }
}

impl<'a> ExitOf<'a> {
    fn new(last: &'a LastExit) -> Self {
        Self {
            code: last.exit.and_then(Exit::code),
            signal: last.exit.and_then(Exit::signal),
            reason: last.reason.as_deref(),
            at: last.at,
            uptime_seconds: seconds(last.uptime),
        }
    }
}

/// `GET /workers/status`.
#[derive(Serialize)]
pub(super) struct Status<'a> {
    timestamp: Stamp,
    generation: Generation,
    summary: Summary,
    workers: StatusWorkers<'a>,
    system: StatusSystem<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    total_workers: usize,
    active_workers: usize,
    error_workers: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusWorkers<'a> {
    active: Vec<&'a WorkerId>,
    last_run_timestamps: BTreeMap<&'a WorkerId, Stamp>,
    uptime: BTreeMap<&'a WorkerId, String>,
    errors: BTreeMap<&'a WorkerId, &'a str>,
    details: Vec<Worker<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusSystem<'a> {
    model: &'a str,
    memory_path: Cow<'a, str>,
    environment: &'a str,
}

impl<'a> Status<'a> {
    /// The status by this picture; `details` are all its workers.
    pub(super) fn new(picture: &'a Snapshot, details: Vec<Worker<'a>>, now: Instant) -> Self {
        let all = || picture.workers.values();
        let active: Vec<_> =
            all().filter(|w| w.state == State::Running).map(|w| &w.id).collect();
        let errors: BTreeMap<_, _> = all()
            .filter(|w| matches!(w.state, State::Backoff | State::Failed))
            .map(|w| (&w.id, w.reason.as_deref().unwrap_or(w.state.as_str())))
            .collect();
        Self {
            timestamp: Stamp::now(),
            generation: picture.generation,
            summary: Summary {
                total_workers: picture.workers.len(),
                active_workers: active.len(),
                error_workers: errors.len(),
            },
            workers: StatusWorkers {
                active,
                last_run_timestamps: all()
                    .filter_map(|w| Some((&w.id, w.last_run_at?)))
                    .collect(),
                uptime: all()
                    .filter_map(|w| Some((&w.id, human_uptime(age(w, now)?))))
                    .collect(),
                errors,
                details,
            },
            system: StatusSystem {
                model: &picture.ai.default_model,
                memory_path: picture.session_log.to_string_lossy(),
                environment: &picture.environment,
            },
        }
    }
}

/// `GET /health`.
#[derive(Serialize)]
pub(super) struct Health<'a> {
    status: &'static str,
    timestamp: Stamp,
    service: &'static str,
    version: &'static str,
    ai: Ai<'a>,
    workers: BTreeMap<&'static str, usize>,
    config: HealthConfig<'a>,
    discovery: HealthDiscovery<'a>,
    problems: &'a [String],
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
pub(super) struct Own {
    pub(super) uptime: Duration,
    pub(super) memory_bytes: Option<u64>,
}

impl<'a> Health<'a> {
    /// The health by this picture.
    pub(super) fn new(picture: &'a Snapshot, own: Own) -> Self {
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
            problems: &picture.problems,
            system: HealthSystem {
                uptime_seconds: seconds(own.uptime),
                memory_bytes: own.memory_bytes,
                pid: std::process::id(),
                environment: &picture.environment,
            },
        }
    }
}

/// The answer to a request that was taken.
#[derive(Serialize)]
pub(super) struct Done {
    success: bool,
    message: String,
    timestamp: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<Generation>,
}

impl Done {
    /// It was taken.
    pub(super) fn new(message: String, generation: Option<Generation>) -> Self {
        Self { success: true, message, timestamp: Stamp::now(), generation }
    }
}

/// `POST /reload`, applied.
#[derive(Serialize)]
pub(super) struct Reloaded<'a> {
    pub(super) success: bool,
    pub(super) generation: Generation,
    pub(super) plan: &'a PlanSummary,
    /// Keys whose edit was refused.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) errors: &'a [String],
    pub(super) timestamp: Stamp,
}

/// `GET /workers/logs/ID`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lines<'a> {
    pub(super) worker_id: &'a str,
    pub(super) logs: Vec<String>,
    pub(super) timestamp: Stamp,
}

fn age(view: &WorkerView, now: Instant) -> Option<Duration> {
    let started = view.started?;
    Some(now.saturating_duration_since(started.instant))
}

/// A span in seconds, with milliseconds.
fn seconds(span: Duration) -> f64 {
    span.as_millis() as f64 / 1000.0
}
