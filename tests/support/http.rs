//! A small HTTP client that hides nothing: one connection, one request at a time.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
};

use rustix::net::{self, AddressFamily, SocketType};
use serde_json::Value;

use super::waiting::DEADLINE;

/// An open connection.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// The answer to a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The status line and the headers, as they came.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Server-Sent Events as they come.
pub(crate) struct Stream {
    lines: BufReader<Chunks>,
}

/// One event of a [`Stream`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: String,
}

/// The socket of a connection to a port on loopback.
pub(crate) fn connect(port: u16) -> TcpStream {
    try_connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).expect("arcanos listens")
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

/// One request on a connection of its own, with further headers, each ended by CRLF.
pub(crate) fn ask(port: u16, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
    try_ask(port, method, path, headers, body).expect("an answer")
}

/// As [`ask`]; `None` without an answer.
pub(crate) fn try_ask(
    port: u16,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Option<Reply> {
    let connection = Connection::try_open(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    connection.last(method, path, headers, body)
}

/// `GET` on a connection of its own; `None` without an answer.
pub(crate) fn try_get(port: u16, path: &str) -> Option<Reply> {
    try_ask(port, "GET", path, "", b"")
}

fn try_connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    Ok(stream)
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).unwrap_or_else(|| panic!("nobody listens on {address}"))
    }

    pub(crate) fn try_open(address: SocketAddr) -> Option<Self> {
        let stream = try_connect(address).ok()?;
        Some(Self { address, stream: BufReader::new(stream) })
    }

    /// Asks, and reads the whole answer. A `Host` among the headers replaces the usual one.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        self.send(method, path, &lines_of(headers), body.as_bytes()).expect("to ask");
        self.read(method).expect("an answer in time")
    }

    /// `GET` as the only request; `None` without an answer.
    pub(crate) fn try_get(self, path: &str) -> Option<Reply> {
        self.last("GET", path, "", b"")
    }

    fn last(mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Option<Reply> {
        let headers = format!("{headers}Connection: close\r\n");
        // It may answer and close before it has read all.
        let _ = self.send(method, path, &headers, body);
        self.read(method).ok()
    }

    /// Opens a stream of events.
    pub(crate) fn stream(mut self, path: &str, headers: &[(&str, &str)]) -> Stream {
        self.send("GET", path, &lines_of(headers), b"").expect("to ask");
        let head = self.read_head().expect("an answer in time");
        assert_eq!(head.status, 200, "GET {path}");
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        Stream { lines: BufReader::new(Chunks { stream: self.stream, left: 0 }) }
    }

    /// Writes bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &str) -> Reply {
        self.stream.get_mut().write_all(bytes.as_bytes()).unwrap();
        self.read("GET").expect("an answer in time")
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> io::Result<()> {
        let has_host = headers.to_lowercase().lines().any(|line| line.starts_with("host:"));
        let host = if has_host { String::new() } else { format!("Host: {}\r\n", self.address) };
        let has_length = !body.is_empty() || method == "POST";
        let length =
            if has_length { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
        let head = format!("{method} {path} HTTP/1.1\r\n{host}{headers}{length}\r\n");
        let stream = self.stream.get_mut();
        stream.write_all(&[head.as_bytes(), body].concat())
    }

    fn read(&mut self, method: &str) -> io::Result<Reply> {
        let mut reply = self.read_head()?;
        if method != "HEAD" {
            let body = self.read_body(&reply)?;
            reply.body = String::from_utf8_lossy(&body).into_owned();
        }
        Ok(reply)
    }

    fn read_head(&mut self) -> io::Result<Reply> {
        let mut head = String::new();
        // The line that ends the head is two bytes long.
        while self.stream.read_line(&mut head)? > 2 {}
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no answer but `{head}`")))?;
        Ok(Reply { status, head, body: String::new() })
    }

    fn read_body(&mut self, head: &Reply) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if let Some(length) = head.header("content-length") {
            body.resize(length.parse().map_err(io::Error::other)?, 0);
            self.stream.read_exact(&mut body)?;
        } else if head.header("transfer-encoding").is_some() {
            while let Some(length) = chunk_length(&mut self.stream) {
                let start = body.len();
                body.resize(start + length, 0);
                self.stream.read_exact(&mut body[start..])?;
            }
        }
        Ok(body)
    }
}

fn lines_of(headers: &[(&str, &str)]) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

impl Reply {
    /// The value of the first header of this name, which is given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| key.to_lowercase() == name).map(|(_, value)| value.trim())
    }

    pub(crate) fn text(&self) -> String {
        self.body.clone()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

impl Stream {
    /// The next event; `None` when the stream has ended. Comments are passed over.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        let mut line = String::new();
        loop {
            line.clear();
            if self.lines.read_line(&mut line).expect("an event in time") == 0 {
                return None;
            }
            match line.trim_end().split_once(':') {
                None if event.data.is_empty() && event.name.is_empty() => {}
                None => return Some(event),
                Some((field, value)) => match field {
                    "event" => event.name = value.trim_start().to_owned(),
                    "id" => event.id = value.trim_start().to_owned(),
                    "data" => event.data.push_str(value.trim_start()),
                    _ => {}
                },
            }
        }
    }

    /// The first event that is as `good` says.
    pub(crate) fn find(&mut self, what: &str, good: impl Fn(&Event) -> bool) -> Event {
        let mut seen = Vec::new();
        while let Some(event) = self.next() {
            if good(&event) {
                return event;
            }
            seen.push(event);
        }
        panic!("the stream ended without {what}: {seen:?}")
    }
}

impl Event {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

/// The bytes of a chunked body, of which some of a chunk may be left.
struct Chunks {
    stream: BufReader<TcpStream>,
    left: usize,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let Some(length) = chunk_length(&mut self.stream) else {
                return Ok(0);
            };
            self.left = length;
        }
        let room = buffer.len().min(self.left);
        let n = self.stream.read(&mut buffer[..room])?;
        self.left -= n;
        Ok(n)
    }
}

/// The length of the next chunk; `None` after the last.
fn chunk_length(stream: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut line = String::new();
    // The line end of the chunk before stands first.
    while line.trim().is_empty() {
        line.clear();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
    }
    let length = usize::from_str_radix(line.trim(), 16).ok()?;
    if length == 0 {
        // The empty line behind the last chunk belongs to this answer.
        stream.read_line(&mut line).ok()?;
    }
    Some(length).filter(|length| *length > 0)
}
