//! Floors: bare programs that do only what cannot be left out.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use http_body_util::Full;
use hyper::{Response, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};

use crate::probe::{Marks, monotonic};

/// The word that makes this program the static server.
pub(crate) const SERVE: &str = "--serve-bytes";

/// Spawns so many in a loop; the nanoseconds until the last one's first instruction, and until
/// all have ended again once they are asked to.
pub(crate) fn spawn_loop(worker: &Path, marks: &Marks, count: usize) -> (u64, u64) {
    marks.clear();
    let start = monotonic();
    let spawn = |_| {
        Command::new(worker)
            .args(["sleep".as_ref(), marks.path.as_os_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env_clear()
            .spawn()
            .expect("to spawn a worker")
    };
    let mut children: Vec<Child> = (0..count).map(spawn).collect();
    let last = marks.await_count("start", count).iter().map(|mark| mark.at).max().unwrap_or(0);
    let up = last - start;
    let start = monotonic();
    for child in &children {
        let pid = Pid::from_raw(child.id().cast_signed()).expect("a process has a number");
        kill_process(pid, Signal::TERM).expect("to signal a worker");
    }
    for child in &mut children {
        child.wait().expect("a worker ends");
    }
    (up, monotonic() - start)
}

/// `flood | cat > file`, in MB/s.
pub(crate) fn cat(worker: &Path, file: &Path, bytes: usize) -> f64 {
    let start = Instant::now();
    let mut flood = Command::new(worker)
        .args(["pipe", &bytes.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("to start the flood");
    let pipe = flood.stdout.take().expect("a pipe");
    let file = File::create(file).expect("a file for the flood");
    let mut cat = Command::new("cat").stdin(pipe).stdout(file).spawn().expect("to start cat");
    cat.wait().expect("cat ends");
    let span = start.elapsed();
    flood.wait().expect("the flood ends");
    bytes as f64 / 1e6 / span.as_secs_f64()
}

/// Milliseconds from a spawn of Node to the first line that this file writes.
pub(crate) fn node(file: &Path) -> f64 {
    let start = monotonic();
    let mut node = Command::new("node")
        .arg(file)
        // As the workers of a site have it: what Node reads there, it reads at its start.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("to start node");
    let mut line = String::new();
    let stdout = node.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    node.kill().expect("to end node");
    node.wait().expect("node ends");
    let at: u64 = line.trim().parse().expect("a time");
    (at - start) as f64 / 1e6
}

/// A static server in a process of its own; killed if it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// One that answers so many bytes.
    pub(crate) fn start(bytes: usize) -> Self {
        let me = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(me)
            .args([SERVE, &bytes.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("to start the static server");
        let stdout = child.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("its address");
        let address = line.trim().parse().expect("an address");
        Self { child, address }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves so many bytes for ever: hyper on two threads, as arcanos has, and nothing else.
pub(crate) fn serve(bytes: usize) {
    let body = Bytes::from(vec![b'x'; bytes]);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{}", listener.local_addr().expect("an address")).expect("a reader");
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("to send at once");
            let body = body.clone();
            tokio::spawn(async move {
                let answer = service_fn(move |_| {
                    let response = Response::builder()
                        .header("content-type", "application/json")
                        .body(Full::new(body.clone()));
                    std::future::ready(response)
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
                // A client that leaves ends its connection.
                let _ = connection.await;
            });
        }
    });
}
