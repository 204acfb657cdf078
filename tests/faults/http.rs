//! HTTP as plain as can be: a socket, a text, an answer.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::net::{self, AddressFamily, SocketType};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(60);

/// How soon `/health` answers whatever goes on: 100 ms, for a program that is optimised.
const STEADY: Duration = Duration::from_millis(if cfg!(debug_assertions) { 300 } else { 100 });

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        let body = if is_chunked { unchunk(body) } else { body.to_owned() };
        Some(Self { status, head: head.to_owned(), body })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let Some(chunk) = rest.get(..size) else { break };
        whole.push_str(chunk);
        body = rest.get(size + 2..).unwrap_or("");
        if size == 0 {
            break;
        }
    }
    whole
}

pub(crate) fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("arcanos listens");
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.set_write_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// As [`connect`], but the kernel keeps hardly anything for this client: what it does not read is
/// soon felt.
pub(crate) fn connect_small(port: u16) -> TcpStream {
    let socket = net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    net::sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
    net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).expect("arcanos listens");
    socket.into()
}

/// Sends bytes as they are; everything that comes back until the other side closes.
pub(crate) fn raw(port: u16, request: &[u8]) -> String {
    let mut stream = connect(port);
    // It may answer and close before it has read all.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// One request with further headers, each ended by CRLF.
pub(crate) fn ask(port: u16, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    try_ask(port, method, path, headers, body).expect("an answer")
}

/// As [`ask`]; `None` without an answer.
pub(crate) fn try_ask(
    port: u16,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Option<Answer> {
    let host = if headers.to_lowercase().contains("host:") { "" } else { "Host: 127.0.0.1\r\n" };
    let length = if body.is_empty() && method != "POST" {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    let head =
        format!("{method} {path} HTTP/1.1\r\n{host}{headers}{length}Connection: close\r\n\r\n");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).ok()?;
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Answer::parse(&answer)
}

pub(crate) fn try_get(port: u16, path: &str) -> Option<Answer> {
    try_ask(port, "GET", path, "", b"")
}

/// Asks for `/health` all the time while a fault lasts.
pub(crate) struct Pulse {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

impl Pulse {
    pub(crate) fn start(port: u16) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut times = Vec::new();
            while !seen.load(Ordering::Relaxed) {
                let start = Instant::now();
                let answer = try_get(port, "/health");
                let is_good = answer.is_some_and(|answer| answer.status == 200);
                times.push(if is_good { start.elapsed() } else { TIMEOUT });
                std::thread::sleep(Duration::from_millis(20));
            }
            times
        });
        Self { is_over, thread }
    }

    /// Ends, and demands that nine of ten answers came in time and all within two seconds: the
    /// machine may have other work.
    pub(crate) fn was_steady(self) {
        self.is_over.store(true, Ordering::Relaxed);
        let mut times = self.thread.join().unwrap();
        times.sort();
        let most = times[times.len() * 9 / 10];
        let worst = times[times.len() - 1];
        let is_steady = most < STEADY && worst < Duration::from_secs(2);
        assert!(is_steady, "/health took {most:?} (p90), {worst:?} at worst of {}", times.len());
    }
}
