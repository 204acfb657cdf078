//! A small HTTP client that hides nothing: one connection, one request at a time.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::Value;

use super::DEADLINE;

/// An open connection.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// What a request was answered with.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
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

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).unwrap_or_else(|| panic!("nobody listens on {address}"))
    }

    pub(crate) fn try_open(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
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
        self.send(method, path, headers, body);
        let mut reply = self.head();
        if method != "HEAD" {
            reply.body = self.body(&reply);
        }
        reply
    }

    /// Opens a stream of events.
    pub(crate) fn stream(mut self, path: &str, headers: &[(&str, &str)]) -> Stream {
        self.send("GET", path, headers, "");
        let head = self.head();
        assert_eq!(head.status, 200, "GET {path}");
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        Stream { lines: BufReader::new(Chunks { stream: self.stream, left: 0 }) }
    }

    /// Writes bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &str) -> Reply {
        self.stream.get_mut().write_all(bytes.as_bytes()).unwrap();
        let mut reply = self.head();
        reply.body = self.body(&reply);
        reply
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) {
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        let host = self.address.to_string();
        let given = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
        let ours = if given { None } else { Some(("Host", host.as_str())) };
        for (name, value) in ours.iter().chain(headers) {
            text.extend([*name, ": ", *value, "\r\n"]);
        }
        text.extend(["Content-Length: ", &body.len().to_string(), "\r\n\r\n", body]);
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn head(&mut self) -> Reply {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("an answer in time");
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer but `{line}`"));
        let mut headers = Vec::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        Reply { status, headers, body: Vec::new() }
    }

    fn body(&mut self, head: &Reply) -> Vec<u8> {
        let mut body = Vec::new();
        if let Some(length) = head.header("content-length") {
            body.resize(length.parse().unwrap(), 0);
            self.stream.read_exact(&mut body).unwrap();
        } else if head.header("transfer-encoding").is_some() {
            while let Some(length) = chunk_length(&mut self.stream) {
                let start = body.len();
                body.resize(start + length, 0);
                self.stream.read_exact(&mut body[start..]).unwrap();
            }
        }
        body
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("answers are UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", self.text()))
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
