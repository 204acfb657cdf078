//! Server-Sent Events, as the running arcanos sends them.

use std::{collections::VecDeque, mem, time::Duration};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::{connection::Connection, error::ClientError};

/// A stream that is silent for so long has lost its server: a good one sends a comment now and
/// then.
const SILENCE: Duration = Duration::from_secs(90);

/// The longest event, in bytes; what is longer comes from no arcanos.
const MAX_EVENT: usize = 4 * 1024 * 1024;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SseEvent {
    /// Its kind; `message` where the server names none.
    pub(crate) kind: String,
    /// Its number, if it has one.
    pub(crate) id: Option<String>,
    /// What it says.
    pub(crate) data: String,
}

/// An open stream of events. Dropping it hangs up.
#[derive(Debug)]
pub(crate) struct Events {
    body: Incoming,
    parser: Parser,
    _connection: Connection,
}

impl Events {
    pub(super) fn new(body: Incoming, connection: Connection) -> Self {
        Self { body, parser: Parser::default(), _connection: connection }
    }

    /// Whether the next event is here already.
    pub(crate) fn has_more(&self) -> bool {
        !self.parser.ready.is_empty()
    }

    /// The next event; `None` once the server has ended the stream.
    ///
    /// # Errors
    /// The connection broke, or is silent for too long.
    ///
    /// # Cancel safety
    /// An event that has begun to arrive is kept for the next call.
    pub(crate) async fn next(&mut self) -> Result<Option<SseEvent>, ClientError> {
        loop {
            if let Some(event) = self.parser.ready.pop_front() {
                return Ok(Some(event));
            }
            let frame = timeout(SILENCE, self.body.frame()).await;
            match frame.map_err(|_| ClientError::Late(SILENCE))? {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(bytes) = frame.map_err(ClientError::Broken)?.into_data() {
                        self.parser.feed(&bytes)?;
                    }
                }
            }
        }
    }
}

/// Bytes in, events out.
#[derive(Debug, Default)]
struct Parser {
    line: Vec<u8>,
    event: SseEvent,
    has_data: bool,
    ready: VecDeque<SseEvent>,
}

impl Parser {
    fn feed(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.len() + self.event.data.len() > MAX_EVENT {
                return Err(ClientError::Odd("an event is too long".to_owned()));
            }
            if part.ends_with(b"\n") {
                let line = mem::take(&mut self.line);
                self.line(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            let mut event = mem::take(&mut self.event);
            if mem::take(&mut self.has_data) {
                if event.kind.is_empty() {
                    "message".clone_into(&mut event.kind);
                }
                self.ready.push_back(event);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.kind),
            "id" => self.event.id = Some(value.to_owned()),
            "data" => {
                if mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments keep the connection alive; anything else is from a later version.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(chunks: &[&str]) -> Vec<(String, Option<String>, String)> {
        let mut parser = Parser::default();
        for chunk in chunks {
            parser.feed(chunk.as_bytes()).expect("short events");
        }
        parser.ready.into_iter().map(|e| (e.kind, e.id, e.data)).collect()
    }

    #[test]
    fn events_are_read_however_the_bytes_are_cut() {
        let text =
            ": hello\n\nevent: line\nid: 7\ndata: one\ndata: two\n\ndata:x\r\n\r\nevent: none\n\n";
        let want = vec![
            ("line".to_owned(), Some("7".to_owned()), "one\ntwo".to_owned()),
            ("message".to_owned(), None, "x".to_owned()),
        ];
        assert_eq!(parse(&[text]), want);
        let letters: Vec<_> = text.split_inclusive(|_| true).collect();
        assert_eq!(parse(&letters), want);
        assert_eq!(parse(&["data: half"]), []);
    }
}
