//! A test server with its engine and client.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::engine::{Fake, engine, worker};
use crate::{
    domain::{ReloadReport, State},
    engine::{Handle, ServerSettings},
    http::Timeouts,
    server::{
        bind,
        serve::{TIMEOUTS, serve_with},
    },
};

/// The longest that a test waits for anything.
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

impl Bench {
    /// A server on a free port of loopback.
    pub(super) async fn new() -> Self {
        Self::with(|_| {}, TIMEOUTS).await
    }

    /// A server with these settings and timeouts.
    pub(super) async fn with(change: impl FnOnce(&mut ServerSettings), timeouts: Timeouts) -> Self {
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
        let serving = serve_with(bound, handle.clone(), shutdown.clone(), timeouts);
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
            text.extend([name, ": ", value, "\r\n"]);
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

/// The answer with what differs from time to time put aside.
pub(super) fn settled(reply: &Reply) -> String {
    let mut wire = reply.json();
    for path in ["/timestamp", "/system/uptimeSeconds", "/system/memoryBytes", "/system/pid"] {
        if let Some(value) = wire.pointer_mut(path) {
            assert!(value.is_string() || value.is_number(), "{path} of {wire}");
            *value = "…".into();
        }
    }
    serde_json::to_string_pretty(&wire).unwrap()
}
