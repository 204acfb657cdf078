//! `GET /metrics`: the metrics, in Prometheus's text format.
//!
//! Nothing is counted here. Each scrape writes the snapshot of that moment, so a worker that was
//! removed is not in the metrics any more.

mod sheet;

use std::{fmt, sync::Arc};

use axum::{
    body::Bytes,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text},
    registry::Registry,
};

use crate::{
    domain::{Exit, Snapshot, Stamp, State as WorkerState, WorkerView},
    engine::Handle,
};

use self::sheet::Sheet;
use super::{app::App, process, response_cache::Meter};

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers `GET /metrics`.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let snapshot = app.handle.snapshot();
    let own = Own::new(app.since, &app.handle);
    let text = move |snapshot: &Snapshot, meter: &Meter| Scrape::new(snapshot, meter, own).text();
    let text = app.responses.render(&app.handle, &snapshot, text).await;
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

/// The figures of arcanos itself.
#[derive(Clone, Copy, Debug)]
struct Own {
    since: Stamp,
    applied: u64,
    rejected: u64,
}

impl Own {
    fn new(since: Stamp, handle: &Handle) -> Self {
        let reloads = handle.reloads();
        Self { since, applied: reloads.applied(), rejected: reloads.rejected() }
    }
}

/// One scrape: the figures of one moment.
#[derive(Debug)]
struct Scrape {
    own: Own,
    generation: u64,
    is_degraded: bool,
    workers: Vec<Numbers>,
}

/// The figures of a worker.
#[derive(Debug)]
struct Numbers {
    view: Arc<WorkerView>,
    memory_bytes: Option<u64>,
    cpu_seconds: Option<f64>,
}

impl Scrape {
    fn new(snapshot: &Snapshot, meter: &Meter, own: Own) -> Self {
        let numbers = |view: &Arc<WorkerView>| {
            let usage = meter.of(view);
            Numbers {
                view: Arc::clone(view),
                memory_bytes: usage.map(|usage| usage.memory_bytes),
                cpu_seconds: usage.map(|usage| usage.cpu_seconds),
            }
        };
        Self {
            own,
            generation: snapshot.generation.0,
            is_degraded: snapshot.is_degraded(),
            workers: snapshot.workers.values().map(numbers).collect(),
        }
    }

    fn text(self) -> Bytes {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut out = String::new();
        text::encode_registry(&mut out, &registry).expect("a string takes every text");
        out.into()
    }

    fn encode_workers(&self, out: &mut Sheet<'_>) -> Result<(), fmt::Error> {
        let views = || self.workers.iter().map(|worker| &worker.view);
        let plain = |view: &WorkerView| [("worker", view.id.to_string())];
        out.gauges(
            "arcanos_worker_up",
            "Whether the worker is running",
            views().map(|v| (plain(v), f64::from(u8::from(v.state == WorkerState::Running)))),
        )?;
        out.gauges(
            "arcanos_worker_state",
            "The state of the worker: 1 for the one it is in",
            views().flat_map(|v| {
                WorkerState::ALL.map(|state| {
                    let is_in = f64::from(u8::from(v.state == state));
                    ([("worker", v.id.to_string()), ("state", state.to_string())], is_in)
                })
            }),
        )?;
        out.counters(
            "arcanos_worker_starts_total",
            "Runs of the worker since arcanos started",
            views().map(|v| (plain(v), v.starts as f64)),
        )?;
        out.counters(
            "arcanos_worker_exits_total",
            "Ends of its runs, by exit code or signal",
            views()
                .flat_map(|v| v.exits.iter().map(|(exit, n)| (exit_labels(v, *exit), *n as f64))),
        )?;
        out.gauges(
            "arcanos_worker_attempts",
            "Restarts that count against restart.max_attempts",
            views().map(|v| (plain(v), f64::from(v.attempts))),
        )?;
        out.counters(
            "arcanos_worker_skipped_runs_total",
            "Ticks of its schedule that met a run",
            views().map(|v| (plain(v), v.skipped_runs as f64)),
        )
    }

    fn encode_usage(&self, out: &mut Sheet<'_>) -> Result<(), fmt::Error> {
        let labels = |worker: &Numbers| [("worker", worker.view.id.to_string())];
        let all = || self.workers.iter();
        out.gauges(
            "arcanos_worker_memory_bytes",
            "Resident memory of its run",
            all().filter_map(|w| Some((labels(w), w.memory_bytes? as f64))),
        )?;
        out.counters(
            "arcanos_worker_cpu_seconds_total",
            "Processor time of its run",
            all().filter_map(|w| Some((labels(w), w.cpu_seconds?))),
        )?;
        out.counters(
            "arcanos_log_bytes_total",
            "Bytes of output that arrived",
            all().map(|w| (labels(w), w.view.log.read().bytes as f64)),
        )?;
        out.counters(
            "arcanos_log_lines_total",
            "Lines of output that arrived",
            all().map(|w| (labels(w), w.view.log.read().lines as f64)),
        )?;
        out.counters(
            "arcanos_log_dropped_total",
            "Bytes of output and frames of its channel that were lost",
            all().map(|w| (labels(w), w.view.log.read().dropped as f64)),
        )
    }

    fn encode_arcanos(&self, out: &mut Sheet<'_>) -> Result<(), fmt::Error> {
        let reloads = [("applied", self.own.applied), ("rejected", self.own.rejected)];
        let version = [([("version", env!("CARGO_PKG_VERSION"))], 1.0)];
        out.counters(
            "arcanos_reloads_total",
            "Looks at the disk that changed something, by result",
            reloads.map(|(result, n)| ([("result", result)], n as f64)),
        )?;
        out.gauge(
            "arcanos_generation",
            "The generation of config and workers that is in force",
            Some(self.generation as f64),
        )?;
        out.gauge(
            "arcanos_degraded",
            "Whether /health is degraded",
            Some(f64::from(u8::from(self.is_degraded))),
        )?;
        out.gauges("arcanos_build_info", "The version of arcanos", version)
    }

    fn encode_process(&self, out: &mut Sheet<'_>) -> Result<(), fmt::Error> {
        let number = |n: Option<u64>| n.map(|n| n as f64);
        let started = self.own.since.0.as_millisecond() as f64 / 1000.0;
        out.counter(
            "process_cpu_seconds_total",
            "Processor time of arcanos itself",
            process::cpu_time().as_secs_f64(),
        )?;
        out.gauge(
            "process_resident_memory_bytes",
            "Resident memory of arcanos itself",
            number(process::resident_bytes()),
        )?;
        out.gauge(
            "process_virtual_memory_bytes",
            "Address space of arcanos itself",
            number(process::virtual_bytes()),
        )?;
        out.gauge("process_open_fds", "Open descriptors", number(process::open_files()))?;
        out.gauge("process_max_fds", "Descriptors there may be", number(process::max_files()))?;
        out.gauge(
            "process_start_time_seconds",
            "When the status server began, in seconds since 1970",
            Some(started),
        )
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut out = Sheet(encoder);
        self.encode_workers(&mut out)?;
        self.encode_usage(&mut out)?;
        self.encode_arcanos(&mut out)?;
        self.encode_process(&mut out)
    }
}

fn exit_labels(view: &WorkerView, exit: Exit) -> [(&'static str, String); 3] {
    let code = exit.code().map(|code| code.to_string()).unwrap_or_default();
    let signal = exit.signal().unwrap_or_default();
    [("worker", view.id.to_string()), ("code", code), ("signal", signal)]
}
