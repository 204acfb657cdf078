//! The Node channel on its socket: reads messages, and queues and writes ours.

use std::{
    collections::VecDeque,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    time::Duration,
};

use tokio::{io::Interest, net::UnixStream, time::Instant};

use super::{compact_json, decoder::Decoder, message::Incoming};
use crate::domain::StopMessage;

/// Messages that may wait for a worker that does not read. A worker gets a handful in its life;
/// more only where people send it input faster than it takes it.
const MAX_QUEUED: usize = 64;

/// Bytes that may wait likewise: four inputs of the largest size the server takes.
const MAX_QUEUED_BYTES: usize = 256 << 10;

/// Bytes read at once. On the stack while they are read, not in the channel.
const READ_SIZE: usize = 16 << 10;

/// Messages handed over before others get a turn, so that a flood slows only its own worker.
const MESSAGES_PER_TURN: u32 = 64;

/// What Node waits for after it has passed a handle on.
const HANDLE_ANSWER: &[u8] = b"{\"cmd\":\"NODE_HANDLE_ACK\"}\n";

/// Our end of a run's Node channel.
///
/// [`Channel::recv`] must be polled for it to work: it also writes what waits. Dropping it closes
/// the channel, which ends some Node workers: keep it until the run has exited.
pub struct Channel {
    stream: UnixStream,
    decoder: Decoder,
    /// Whole frames. A frame that was begun is finished before anything else is written: half a
    /// frame kills a Node worker.
    queue: VecDeque<Vec<u8>>,
    queued_bytes: usize,
    /// How much of the first frame is written.
    written: usize,
    turn: u32,
    is_open: bool,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The worker does not read its channel, and too much waits for it already.
    #[error("the worker does not read its channel; {MAX_QUEUED} messages or 256 KiB wait for it")]
    Full,
    /// The worker has closed its channel.
    #[error("the worker has closed its channel")]
    Closed,
    /// The input is not one JSON value.
    #[error("the input is not JSON")]
    NotJson,
}

impl Channel {
    /// Takes over our end of the channel of a [`Spawned`](crate::process::Spawned).
    ///
    /// # Errors
    /// The runtime cannot watch the socket.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        let stream = StdStream::from(fd);
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: UnixStream::from_std(stream)?,
            decoder: Decoder::default(),
            queue: VecDeque::new(),
            queued_bytes: 0,
            written: 0,
            turn: 0,
            is_open: true,
        })
    }

    /// Whether the worker has ever said anything, Node's own frames included.
    #[must_use]
    pub const fn has_spoken(&self) -> bool {
        self.decoder.has_heard()
    }

    /// The next thing the worker says; `None` once it has closed the channel.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn recv(&mut self) -> Option<Incoming> {
        loop {
            self.yield_after_many().await;
            let incoming = self.decoder.next_message();
            if self.decoder.owes_answers() {
                self.write();
            }
            if incoming.is_some() {
                self.turn += 1;
                return incoming;
            }
            if !self.is_open {
                return None;
            }
            self.turn_over().await;
        }
    }

    /// As [`Channel::recv`], but no later than `deadline`: for what is left after the exit.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn recv_until(&mut self, deadline: Instant) -> Option<Incoming> {
        let next = tokio::time::timeout_at(deadline, self.recv());
        next.await.ok().flatten()
    }

    /// Tells the worker that it is about to be stopped, and how long it has.
    ///
    /// # Errors
    /// [`Refused`]; the stop goes on without.
    pub fn shutdown(&mut self, form: StopMessage, timeout: Duration) -> Result<(), Refused> {
        self.send(match form {
            StopMessage::Object => {
                let milliseconds = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
                format!(r#"{{"type":"shutdown","timeoutMs":{milliseconds}}}"#)
            }
            StopMessage::String => r#""shutdown""#.to_owned(),
        })
    }

    /// Hands input to a running script: one JSON value, as text.
    ///
    /// # Errors
    /// [`Refused`]
    pub fn run(&mut self, input: &str) -> Result<(), Refused> {
        let input = compact_json(input).map_err(|_| Refused::NotJson)?;
        self.send(format!(r#"{{"type":"run","input":{input}}}"#))
    }

    /// Queues a frame and writes what the socket takes now.
    fn send(&mut self, message: String) -> Result<(), Refused> {
        if !self.is_open {
            return Err(Refused::Closed);
        }
        let mut frame = message.into_bytes();
        frame.push(b'\n');
        self.enqueue(frame)?;
        self.write();
        Ok(())
    }

    fn enqueue(&mut self, frame: Vec<u8>) -> Result<(), Refused> {
        let is_full =
            self.queue.len() >= MAX_QUEUED || self.queued_bytes + frame.len() > MAX_QUEUED_BYTES;
        if is_full {
            return Err(Refused::Full);
        }
        self.queued_bytes += frame.len();
        self.queue.push_back(frame);
        Ok(())
    }

    /// A channel that always has a message ready would never let its task wait. Before a message
    /// is taken, because one that is taken would be lost if we were cancelled here.
    async fn yield_after_many(&mut self) {
        if self.turn >= MESSAGES_PER_TURN {
            self.turn = 0;
            tokio::task::yield_now().await;
        }
    }

    /// Waits for the socket, then reads and writes what can be.
    async fn turn_over(&mut self) {
        let interest = if self.queue.is_empty() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        match self.stream.ready(interest).await {
            Ok(ready) => {
                if ready.is_writable() {
                    self.write();
                }
                if ready.is_readable() || ready.is_read_closed() {
                    self.read();
                }
            }
            Err(_) => self.close(),
        }
    }

    fn read(&mut self) {
        let mut chunk = [0; READ_SIZE];
        match self.stream.try_read(&mut chunk) {
            Ok(0) => self.close(),
            Ok(read) => self.decoder.feed(chunk.get(..read).unwrap_or_default()),
            Err(error) if is_temporary(&error) => {}
            Err(_) => self.close(),
        }
    }

    fn write(&mut self) {
        loop {
            self.answer_handles();
            let Some(frame) = self.queue.front() else {
                return;
            };
            match self.stream.try_write(frame.get(self.written..).unwrap_or_default()) {
                Ok(written) => self.written += written,
                Err(error) if is_temporary(&error) => return,
                // Who does not read any more may still have something to say.
                Err(_) => {
                    self.queue.clear();
                    self.queued_bytes = 0;
                    self.written = 0;
                    return;
                }
            }
            if self.written == frame.len() {
                self.queued_bytes -= frame.len();
                self.written = 0;
                self.queue.pop_front();
            }
        }
    }

    fn answer_handles(&mut self) {
        while self.decoder.owes_answers() && self.enqueue(HANDLE_ANSWER.to_vec()).is_ok() {
            self.decoder.answered();
        }
    }

    fn close(&mut self) {
        self.is_open = false;
        self.decoder.finish();
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
