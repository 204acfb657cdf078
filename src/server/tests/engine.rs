//! An engine whose runtime only records commands.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::{
    config::{self, LogFormat},
    domain::{
        AiStatus, Attempts, Cause, Change, Command, Concurrency, ConfigStatus, DiscoveryStatus,
        Evidence, Exit, ExitCause, ExitReason, Generation, InstanceName, LastExit, Mode, PastRun,
        PlanEntry, PlanSummary, ReloadReport, ReloadResult, RunId, RunOutcome, Snapshot, Stamp,
        Started, State, Usage, WorkerId, WorkerSpec, WorkerView,
    },
    engine::{
        Board, CommandError, ConfigReport, DiscoveryReport, EngineShared, Handle, Packages,
        Pending, Preparation, ReconcileRequest, Runtime, ServerSettings,
    },
    files::{logs::Logs, state::StateDir},
    text::Redactor,
};

/// A runtime that runs nothing.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) asked: Mutex<Vec<(String, Command)>>,
    pub(super) refusal: Mutex<Option<CommandError>>,
    pub(super) must_panic: Mutex<bool>,
}

impl Runtime for Fake {
    fn observe(&self) -> Vec<Arc<WorkerSpec>> {
        Vec::new()
    }

    fn ensure(&self, _: Arc<WorkerSpec>) {}

    fn remove(&self, _: &WorkerId) {}

    fn command<'a>(
        &'a self,
        id: &'a WorkerId,
        command: Command,
    ) -> Pending<'a, Result<u64, CommandError>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push((id.to_string(), command));
            self.refusal.lock().unwrap().clone().map_or(Ok(1), Err)
        })
    }

    fn stop_in_turn<'a>(&'a self, id: &'a WorkerId) -> Pending<'a, Result<u64, CommandError>> {
        self.command(id, Command::Stop)
    }

    fn usage<'a>(&'a self, workers: &'a [WorkerId]) -> Pending<'a, Vec<Option<Usage>>> {
        assert!(!*self.must_panic.lock().unwrap(), "a panic that a test asked for");
        let usage = Usage { memory_bytes: 4096, cpu_seconds: 0.25, is_stalled: false };
        Box::pin(async move { vec![Some(usage); workers.len()] })
    }

    fn set_concurrency(&self, _: Concurrency) {}

    fn prepare(&self, _: Option<Packages>) -> Preparation {
        Preparation::Done
    }

    fn retry_packages(&self) {}

    fn admit(&self) {}

    fn shut_down(&self) -> Pending<'_, ()> {
        Box::pin(async {})
    }

    fn kill(&self) {}
}

pub(super) fn engine(
    folder: &TempDir,
    settings: &ServerSettings,
    runtime: Arc<Fake>,
    reloads: Arc<Mutex<Vec<ReloadReport>>>,
) -> Handle {
    let log = config::Log {
        session: folder.path().join("session.log"),
        directory: folder.path().join("logs"),
        includes: std::collections::BTreeSet::new(),
        format: LogFormat::Text,
        level: "info".to_owned(),
        max_size: 1 << 20,
        keep: 1,
        max_line: 1 << 14,
        redact: Vec::new(),
    };
    let redactor = Redactor::new(&[], &[]).expect("nothing to compile");
    let (requests, mut inbox) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(ReconcileRequest::Reload(reply)) = inbox.recv().await {
            let next = reloads.lock().unwrap().pop();
            let _ = reply.send(next.unwrap_or_else(|| report(ReloadResult::Applied, &[])));
        }
    });
    Handle(Arc::new(EngineShared {
        board: Arc::new(Board::new(snapshot())),
        logs: Logs::open(&log, Arc::new(redactor)).expect("a thread"),
        runtime,
        requests,
        beats: mpsc::channel(1).0,
        config: watch::Sender::new(Arc::new(ConfigReport {
            generation: Generation(1),
            file: "/srv/arcanos.toml".into(),
            profile: "development".to_owned(),
            config: serde_json::json!({"server": {"token": "[redacted]"}}),
            sources: BTreeMap::from([("server.token".to_owned(), "file")]),
            last_reload: None,
            reloads: VecDeque::new(),
        })),
        discovery: watch::Sender::new(Arc::new(DiscoveryReport {
            directory: "/srv/workers".into(),
            files: Arc::default(),
        })),
        server: watch::Sender::new(Arc::new(settings.clone())),
        address: watch::Sender::new(None),
        reloads: Default::default(),
        state: Arc::new(StateDir::open(&folder.path().join("state")).expect("a directory")),
        previewing: Arc::new(Semaphore::new(1)),
    }))
}

fn snapshot() -> Snapshot {
    Snapshot {
        generation: Generation(1),
        workers: BTreeMap::new(),
        config: ConfigStatus { file: "/srv/arcanos.toml".into(), loaded_at: moment(), error: None },
        discovery: DiscoveryStatus {
            directory: "/srv/workers".into(),
            watcher: "native".to_owned(),
            error: None,
        },
        ai: AiStatus {
            default_model: "gpt-4o-mini".to_owned(),
            upstream: "echo".to_owned(),
            reachable: None,
            error: None,
        },
        problems: Vec::new(),
        environment: "development".to_owned(),
        session_log: "/srv/memory/session.log".into(),
        known_variables: Arc::default(),
    }
}

pub(super) fn id(name: &str) -> WorkerId {
    WorkerId::parse(name).expect("a good id")
}

/// A moment that never changes.
pub(super) fn moment() -> Stamp {
    Stamp("2026-11-23T17:00:00.5Z".parse().expect("a time"))
}

/// A worker in this state, which ran before.
pub(super) fn worker(name: &str, state: State) -> WorkerView {
    let is_up = matches!(state, State::Running | State::Stopping);
    WorkerView {
        id: id(name),
        state,
        enabled: true,
        epoch: 1,
        file: format!("{name}.js").into(),
        rule: "openai-node".to_owned(),
        mode: Mode::Auto,
        has_run: is_up,
        instance: is_up.then(|| InstanceName::new("4711")),
        run_id: Some(RunId::new("i", 7)),
        model: Some("gpt-4o-mini".to_owned()),
        started: is_up.then(|| Started { at: moment(), instant: Instant::now() }),
        last_run_at: Some(moment()),
        attempts: 1,
        max_attempts: Attempts::Max(3),
        next_start_at: None,
        starts: 2,
        skipped_runs: 0,
        last_exit: Some(LastExit {
            exit: Some(Exit::Code(9)),
            reason: None,
            at: moment(),
            uptime: Duration::from_millis(1250),
            evidence: Evidence {
                diagnosis: None,
                last_lines: ["all is lost".to_owned()].into(),
                peak_memory: Some(48 << 20),
                killed_remains: 0,
            },
        }),
        reason: (!is_up).then(|| ExitReason::Cause(ExitCause::Said("it exited with 9".to_owned()))),
        changed: false,
        warnings: vec!["AI_MODEL is not passed on".to_owned()],
        log: Arc::default(),
        last_activity: None,
        exits: BTreeMap::from([(Exit::Code(9), 1)]),
        past: Arc::new(VecDeque::from([PastRun {
            started_at: moment(),
            uptime: Duration::from_millis(1250),
            exit: Exit::Code(9),
            reason: None,
            outcome: RunOutcome::Failed,
        }])),
    }
}

/// A report of a reload.
pub(super) fn report(result: ReloadResult, errors: &[&str]) -> ReloadReport {
    ReloadReport {
        generation: Generation(2),
        at: moment(),
        result,
        plan: PlanSummary { entries: vec![started("a")], unchanged: 3 },
        errors: errors.iter().map(|error| (*error).to_owned()).collect(),
    }
}

fn started(name: &str) -> PlanEntry {
    let causes = vec![Cause::NewFile(format!("{name}.js").into())];
    PlanEntry { worker: id(name), change: Change::Start, causes }
}
