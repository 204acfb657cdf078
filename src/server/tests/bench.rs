//! A server to try things on.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{self, LogFormat},
    domain::{
        AiStatus, Attempts, ConfigStatus, DiscoveryStatus, Exit, Generation, LastExit, Mode,
        PlanSummary, ReloadReport, ReloadResult, RunId, Snapshot, Stamp, Started, State, Usage,
        WorkerId, WorkerSpec, WorkerView,
    },
    engine::{
        CommandError, ConfigReport, DiscoveryReport, Handle, ServerSettings, Verb,
        board::Board,
        handle::{Request, Shared},
        runtime::{Pending, Runtime},
    },
    files::logs::Logs,
    server::{bind, pulse::Patience, serve::serve_with},
    text::Redactor,
};

/// What any wait in a test may take.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// A running server, the engine behind it, and a folder for its logs.
pub(super) struct Bench {
    pub(super) handle: Handle,
    pub(super) runtime: Arc<Fake>,
    pub(super) address: SocketAddr,
    pub(super) addresses: watch::Receiver<SocketAddr>,
    pub(super) shutdown: CancellationToken,
    pub(super) task: JoinHandle<()>,
    /// Answers to reloads, the next one last.
    pub(super) reloads: Arc<Mutex<Vec<ReloadReport>>>,
    _folder: TempDir,
}

/// A runtime that runs nothing.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) asked: Mutex<Vec<(String, Verb)>>,
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
        verb: Verb,
    ) -> Pending<'a, Result<u64, CommandError>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push((id.to_string(), verb));
            self.refusal.lock().unwrap().clone().map_or(Ok(1), Err)
        })
    }

    fn restart_all(&self) -> Pending<'_, Result<(), CommandError>> {
        Box::pin(async { self.refusal.lock().unwrap().clone().map_or(Ok(()), Err) })
    }

    fn usage(&self, _: &WorkerId) -> Option<Usage> {
        assert!(!*self.must_panic.lock().unwrap(), "a fault that a test asked for");
        Some(Usage { memory_bytes: 4096, cpu_seconds: 0.25 })
    }
}

impl Bench {
    /// A server on a free port of loopback.
    pub(super) async fn new() -> Self {
        Self::with(|_| {}, Patience::default()).await
    }

    /// A server with these settings, patient like this.
    pub(super) async fn with(
        change: impl FnOnce(&mut ServerSettings),
        patience: Patience,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = ServerSettings {
            listen: "127.0.0.1:0".parse().expect("an address"),
            token: None,
            allowed_hosts: Vec::new(),
            max_connections: 64,
        };
        change(&mut settings);
        let runtime = Arc::new(Fake::default());
        let reloads = Arc::default();
        let handle = engine(&folder, &settings, Arc::clone(&runtime), Arc::clone(&reloads));
        let bound = bind(&settings).expect("a free port");
        let (address, addresses) = (bound.local_addr(), bound.addresses());
        let shutdown = CancellationToken::new();
        let serving = serve_with(bound, handle.clone(), shutdown.clone(), patience);
        let task = tokio::spawn(serving);
        Self { handle, runtime, address, addresses, shutdown, task, reloads, _folder: folder }
    }

    /// Shows a worker in this state.
    pub(super) fn put(&self, id: &str, state: State) {
        self.handle.0.board.put(worker(id, state), None);
    }

    /// Changes what the config says of the server.
    pub(super) fn configure(&self, change: impl FnOnce(&mut ServerSettings)) {
        self.handle.0.server.send_modify(|settings| {
            let mut new = ServerSettings::clone(settings);
            change(&mut new);
            *settings = Arc::new(new);
        });
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "").await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Reply {
        self.ask("POST", path, &[], body).await
    }

    /// Asks on a connection of its own.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        Reply::parse(&self.raw(format!("{text}\r\n{body}").as_bytes()).await)
    }

    /// Sends these bytes, and reads until the server closes.
    pub(super) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(bytes).await;
        read_to_end(&mut stream).await
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the server listens")
    }

    /// Ends the server, and waits for it.
    pub(super) async fn end(self) {
        self.shutdown.cancel();
        timeout(SOON, self.task).await.expect("the server ends").expect("without a panic");
    }
}

/// All that comes until the other side closes.
pub(super) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer is an end too.
    let _ = timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("the server closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until this text has come.
pub(super) async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut bytes = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&bytes).contains(text) {
            let n = stream.read_buf(&mut bytes).await.expect("the stream goes on");
            assert_ne!(n, 0, "closed after {}", String::from_utf8_lossy(&bytes));
        }
    };
    let came = timeout(SOON, reading).await;
    let seen = String::from_utf8_lossy(&bytes).into_owned();
    assert!(came.is_ok(), "`{text}` did not come; seen: {seen}");
    seen
}

/// Waits until it is so.
pub(super) async fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        sleep(Duration::from_millis(5)).await;
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {self:?}"))
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
        epoch: 1,
        file: format!("{name}.js").into(),
        rule: "openai-node".to_owned(),
        mode: Mode::Auto,
        pid: is_up.then_some(4711),
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
        }),
        reason: (!is_up).then(|| "it exited with 9".to_owned()),
        changed: false,
        warnings: vec!["AI_MODEL is not passed on".to_owned()],
        log: Arc::default(),
        last_activity: None,
        exits: BTreeMap::from([(Exit::Code(9), 1)]),
    }
}

/// A report of a reload.
pub(super) fn report(result: ReloadResult, errors: &[&str]) -> ReloadReport {
    ReloadReport {
        generation: Generation(2),
        at: moment(),
        result,
        plan: PlanSummary { started: vec![id("a")], unchanged: 3, ..PlanSummary::default() },
        errors: errors.iter().map(|error| (*error).to_owned()).collect(),
    }
}

fn engine(
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
        while let Some(Request::Reload(reply)) = inbox.recv().await {
            let next = reloads.lock().unwrap().pop();
            let _ = reply.send(next.unwrap_or_else(|| report(ReloadResult::Applied, &[])));
        }
    });
    Handle(Arc::new(Shared {
        board: Arc::new(Board::new(picture())),
        logs: Logs::open(&log, Arc::new(redactor)).expect("a thread"),
        runtime,
        requests,
        config: watch::Sender::new(Arc::new(ConfigReport {
            generation: Generation(1),
            file: "/srv/arcanos.toml".into(),
            profile: "development".to_owned(),
            config: serde_json::json!({"server": {"token": "[redacted]"}}),
            sources: BTreeMap::from([("server.token".to_owned(), "file")]),
            last_reload: None,
        })),
        discovery: watch::Sender::new(Arc::new(DiscoveryReport {
            directory: "/srv/workers".into(),
            files: Vec::new(),
        })),
        server: watch::Sender::new(Arc::new(settings.clone())),
        address: watch::Sender::new(None),
        reloads: Default::default(),
    }))
}

fn picture() -> Snapshot {
    Snapshot {
        generation: Generation(1),
        workers: BTreeMap::new(),
        config: ConfigStatus {
            file: "/srv/arcanos.toml".into(),
            loaded_at: moment(),
            error: None,
        },
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
    }
}
