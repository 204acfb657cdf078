//! A folder with logs in it, and pipes to write into.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::pipe::{PipeFlags, pipe_with};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Log, LogFormat, LogKind},
    domain::{RunId, WorkerId},
    files::logs::{Follower, LineWatch, LogLine, Logs, Source, Stream, TailQuery},
    text::Redactor,
};

/// A secret that every site knows under the name of `API_KEY`.
pub(super) const KEY: &str = "CANARYkey0123456789abcdef";

/// How long something may take that should happen.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) struct Site {
    pub(super) folder: TempDir,
    pub(super) settings: Log,
    pub(super) logs: Logs,
}

/// The worker's end of a captured pipe.
pub(super) struct Pipe {
    end: Option<File>,
    pub(super) ended: CancellationToken,
    task: JoinHandle<()>,
}

impl Site {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Log)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut settings = Log {
            session: folder.path().join("session.log"),
            directory: folder.path().join("logs"),
            includes: BTreeSet::from([LogKind::Lifecycle, LogKind::Activity, LogKind::Output]),
            format: LogFormat::Text,
            level: "info".into(),
            max_size: 100_000_000,
            keep: 5,
            max_line: 16 * 1024,
            redact: Vec::new(),
        };
        change(&mut settings);
        let logs = Logs::open(&settings, redactor()).expect("a thread");
        Self { folder, settings, logs }
    }

    /// Arcanos again over the same files.
    pub(super) async fn restart(&mut self) {
        self.logs.flush(DEADLINE).await;
        self.logs = Logs::open(&self.settings, redactor()).expect("a thread");
    }

    /// The lines of this worker, or of all, from now on.
    pub(super) async fn follow(&self, worker: Option<&str>, stream: Option<Stream>) -> Follower {
        let query = TailQuery { stream, ..TailQuery::last(0) };
        self.logs.tail_and_follow(worker.map(id).as_ref(), &query).await.1
    }

    /// A pipe into the log of this worker.
    pub(super) fn pipe(&self, worker: &str, stream: Stream) -> Pipe {
        self.watched(worker, stream, &Arc::default())
    }

    /// A pipe whose lines somebody waits for.
    pub(super) fn watched(&self, worker: &str, stream: Stream, watch: &Arc<LineWatch>) -> Pipe {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        let log = self.logs.worker(&id(worker));
        let ended = CancellationToken::new();
        let (token, watch) = (ended.clone(), Arc::clone(watch));
        let task = tokio::spawn(async move {
            let source = Source { stream, run: &run(), ended: &token, watch: Some(&watch) };
            log.capture(read, source).await;
        });
        Pipe { end: Some(write.into()), ended, task }
    }

    /// What the worker writes in one go, to its standard output.
    pub(super) async fn write(&self, worker: &str, text: impl AsRef<[u8]>) {
        let mut pipe = self.pipe(worker, Stream::Stdout);
        pipe.write(text).await;
        pipe.close().await;
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The text of a file once everything is written.
    pub(super) async fn text(&self, name: &str) -> String {
        self.logs.flush(DEADLINE).await;
        let bytes = fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The session log without its times.
    pub(super) async fn session(&self) -> Vec<String> {
        let text = self.text("session.log").await;
        text.lines().map(|line| line[27..].to_owned()).collect()
    }

    pub(super) async fn tail(&self, worker: Option<&str>, query: TailQuery) -> Vec<String> {
        let id = worker.map(id);
        texts(&self.logs.tail(id.as_ref(), &query).await)
    }
}

impl Pipe {
    /// Writes from another thread, since a full pipe blocks.
    pub(super) async fn write(&mut self, text: impl AsRef<[u8]>) {
        let mut end = self.end.take().expect("the pipe is open");
        let text = text.as_ref().to_vec();
        let write = move || end.write_all(&text).map(|()| end);
        let end = tokio::task::spawn_blocking(write).await.expect("no panic");
        self.end = Some(end.expect("the pipe is read"));
    }

    /// Writes as much as is read, until nobody reads any more.
    pub(super) fn flood(&mut self) -> JoinHandle<()> {
        let mut end = self.end.take().expect("the pipe is open");
        tokio::task::spawn_blocking(move || while end.write_all(&[b'x'; 4096]).is_ok() {})
    }

    /// Closes it and waits until everything is captured.
    pub(super) async fn close(mut self) {
        self.end = None;
        self.done().await;
    }

    /// Waits until its capture has ended.
    pub(super) async fn done(&mut self) {
        let task = tokio::time::timeout(DEADLINE, &mut self.task).await;
        task.expect("capture ends").expect("no panic");
    }
}

pub(super) fn redactor() -> Arc<Redactor> {
    let secrets = [("API_KEY".to_owned(), KEY.to_owned())];
    let patterns = ["sk-[A-Za-z0-9_-]{16,}".to_owned()];
    Arc::new(Redactor::new(&secrets, &patterns).expect("a good pattern"))
}

pub(super) fn id(name: &str) -> WorkerId {
    WorkerId::parse(name).expect("a good id")
}

pub(super) fn run() -> RunId {
    RunId::new("test", 7)
}

pub(super) fn texts(lines: &[LogLine]) -> Vec<String> {
    lines.iter().map(|line| format!("[{}] {}", line.label(), line.text)).collect()
}

/// Lines `first..=last`, numbered.
pub(super) fn numbered(first: usize, last: usize) -> String {
    (first..=last).map(|n| format!("line {n}\n")).collect()
}

/// Waits until this holds.
pub(super) async fn wait_until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let begin = Instant::now();
    while !holds().await {
        assert!(begin.elapsed() < DEADLINE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
