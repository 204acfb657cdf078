//! The JSON of `GET /workers/status`, in the shape of the Node system.

use std::{collections::BTreeMap, time::Instant};

use serde::Serialize;

use super::worker::{Worker, age};
use crate::domain::{Generation, Snapshot, Stamp, State, WorkerId, human_uptime, os_text};

/// `GET /workers/status`.
#[derive(Serialize)]
pub(in crate::server) struct Status<'a> {
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
    errors: BTreeMap<&'a WorkerId, String>,
    details: Vec<Worker<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusSystem<'a> {
    model: &'a str,
    memory_path: String,
    environment: &'a str,
}

impl<'a> Status<'a> {
    /// The status in this snapshot; `details` are all its workers.
    pub(in crate::server) fn new(
        snapshot: &'a Snapshot,
        details: Vec<Worker<'a>>,
        now: Instant,
    ) -> Self {
        let all = || snapshot.workers.values();
        let active: Vec<_> = all().filter(|w| is_active(w.state)).map(|w| &w.id).collect();
        let errors: BTreeMap<_, _> = all()
            .filter(|w| matches!(w.state, State::Backoff | State::Failed))
            .map(|w| {
                let reason = w.reason.as_ref().map(ToString::to_string);
                (&w.id, reason.unwrap_or_else(|| w.state.to_string()))
            })
            .collect();
        Self {
            timestamp: Stamp::now(),
            generation: snapshot.generation,
            summary: Summary {
                total_workers: snapshot.workers.len(),
                active_workers: active.len(),
                error_workers: errors.len(),
            },
            workers: StatusWorkers {
                active,
                last_run_timestamps: all().filter_map(|w| Some((&w.id, w.last_run_at?))).collect(),
                uptime: all().filter_map(|w| Some((&w.id, human_uptime(age(w, now)?)))).collect(),
                errors,
                details,
            },
            system: StatusSystem {
                model: &snapshot.ai.default_model,
                memory_path: os_text::shown_path(&snapshot.session_log),
                environment: &snapshot.environment,
            },
        }
    }
}

/// Whether a worker is at work or waits for its schedule: in the Node system a timer was active,
/// too.
const fn is_active(state: State) -> bool {
    matches!(state, State::Running | State::Stopping | State::Scheduled)
}
