//! The capture of a pipe: reads what a worker writes, redacts it and passes it on.
//!
//! Whole lines are passed on as they come, many at a time. A line that is not complete waits for
//! its end, for half a second of quiet, or until it fills a buffer; then what there is of it is
//! passed on. Bytes that may still become a secret stay in the buffer all the same, so that the
//! secret is found when the rest of it comes; what may be shown of them before that is passed on
//! early (see [`shown_early`](super::shown_early)). A capture that waits for more holds no
//! buffer but for these few bytes.

use std::{io, mem, os::fd::OwnedFd, sync::Arc, sync::atomic::Ordering, time::Duration};

use memchr::{memchr_iter, memrchr};
use tokio::{
    net::unix::pipe,
    select,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{domain::RunId, text::LineFinder, timer::until};

use super::{
    chunk::{BUFFER, Chunk, Text},
    line::Stream,
    line_watch::LineWatch,
    shared::now,
    shown_early::PartialSecret,
    worker_log::WorkerLog,
};

/// How long an unfinished line waits for more after its last byte.
const FLUSH_AFTER_QUIET: Duration = Duration::from_millis(500);

/// How long an unfinished line waits in all: with the way to the disk, less than a second.
const FLUSH_AFTER: Duration = Duration::from_millis(900);

/// How long a pipe is read after its run has ended: others may hold it open for ever.
const DRAIN: Duration = Duration::from_millis(200);

/// From so many bytes on, a chunk takes the buffer that it was read into instead of a copy.
const MIN_TAKEN_BUFFER: usize = BUFFER / 4;

enum Event {
    Readable(io::Result<()>),
    Ended,
    Due,
}

#[derive(PartialEq, Eq)]
enum Pipe {
    Open,
    Closed,
}

/// Where captured lines come from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The pipe's name.
    pub stream: Stream,
    /// The run that writes them.
    pub run: &'a RunId,
    /// Cancelled once the run has ended.
    pub ended: &'a CancellationToken,
    /// Who waits for one of them.
    pub watch: Option<&'a LineWatch>,
}

impl WorkerLog {
    /// Reads everything from this pipe until all its writers have closed it.
    ///
    /// Once `ended` is cancelled it takes what is there, for at most 200 ms, and is done. A last
    /// line without an end is kept.
    pub async fn capture(&self, pipe: OwnedFd, source: Source<'_>) {
        match pipe::Receiver::from_owned_fd(pipe) {
            Ok(pipe) => Intake::new(self, source).take_all(pipe).await,
            Err(error) => {
                tracing::error!(worker = %self.id, %error, "Output of a worker cannot be read.");
            }
        }
    }
}

/// What was read from a pipe and is not passed on yet.
struct Intake<'a> {
    log: &'a WorkerLog,
    source: Source<'a>,
    /// What the watch has seen of the current line.
    finder: LineFinder,
    /// Invariant: holds no whole line between two reads, but for one that may belong to a
    /// secret of several lines.
    buffer: Vec<u8>,
    /// What was shown early of the first bytes of the buffer.
    partial_secret: PartialSecret,
    /// Bytes of the current line that were passed on before.
    begun: usize,
    /// When the first and the last bytes came that wait for the end of their line; `None` if
    /// none do, or if all that wait may be a secret.
    waiting: Option<(Instant, Instant)>,
    /// When the pipe is left; `None` while its run lives.
    close_at: Option<Instant>,
}

impl<'a> Intake<'a> {
    fn new(log: &'a WorkerLog, source: Source<'a>) -> Self {
        Self {
            log,
            source,
            finder: LineFinder::default(),
            buffer: Vec::new(),
            partial_secret: PartialSecret::default(),
            begun: 0,
            waiting: None,
            close_at: None,
        }
    }

    async fn take_all(&mut self, pipe: pipe::Receiver) {
        loop {
            let due = [self.due(), self.close_at].into_iter().flatten().min();
            let event = select! {
                biased;
                // Cancel-safe: readiness stays until it is used.
                ready = pipe.readable() => Event::Readable(ready),
                // Cancel-safe: a token that is cancelled stays so.
                () = self.source.ended.cancelled(), if self.close_at.is_none() => Event::Ended,
                // Cancel-safe: the deadline is computed again.
                () = until(due) => Event::Due,
            };
            match event {
                Event::Readable(Ok(())) => {
                    if self.read(&pipe).await == Pipe::Closed {
                        break;
                    }
                }
                Event::Readable(Err(_)) => break,
                // Handled below: a pipe that always has more hides this event from `select!`.
                Event::Ended => {}
                Event::Due => self.pass_unfinished().await,
            }
            if self.close_at.is_none() && self.source.ended.is_cancelled() {
                self.close_at = Some(Instant::now() + DRAIN);
            }
            if self.close_at.is_some_and(|at| at <= Instant::now()) {
                break;
            }
        }
        self.look_at_unfinished();
        self.pass(self.buffer.len()).await;
        if self.begun > 0 {
            // The last line has no newline to be counted by.
            self.log.known.counters.lines.fetch_add(1, Ordering::Relaxed);
        }
        self.log.shared().pool.put(mem::take(&mut self.buffer));
    }

    /// Reads once, and passes on what is complete.
    async fn read(&mut self, pipe: &pipe::Receiver) -> Pipe {
        self.make_room();
        let before = self.buffer.len();
        match pipe.try_read_buf(&mut self.buffer) {
            Ok(0) => Pipe::Closed,
            Ok(n) => {
                self.log.known.counters.bytes.fetch_add(n as u64, Ordering::Relaxed);
                self.look(before);
                self.take_in(before).await;
                Pipe::Open
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.rest();
                Pipe::Open
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Pipe::Open,
            Err(_) => Pipe::Closed,
        }
    }

    /// Passes on the whole lines, now that the bytes from `new` on have come.
    async fn take_in(&mut self, new: usize) {
        let redactor = Arc::clone(&self.log.shared().view().redactor);
        let whole = memrchr(b'\n', &self.buffer[new..]).map_or(0, |at| new + at + 1);
        let whole = whole - redactor.held_back_after_line(&self.buffer[..whole]);
        if whole > 0 {
            self.pass(whole).await;
            self.waiting = None;
        }
        if self.buffer.len() >= BUFFER {
            let held = redactor.held_back(&self.buffer);
            // So much cannot be the beginning of a key, and the next read needs room.
            let held = if held > BUFFER / 2 { 0 } else { held };
            self.pass(self.buffer.len() - held).await;
            self.waiting = None;
        }
        if !self.buffer.is_empty() {
            let now = Instant::now();
            let first = self.waiting.map_or(now, |(first, _)| first);
            self.waiting = Some((first, now));
        }
    }

    /// Passes on what there is of a line that is not complete.
    async fn pass_unfinished(&mut self) {
        if self.due().is_none_or(|at| Instant::now() < at) {
            return;
        }
        self.look_at_unfinished();
        let redactor = Arc::clone(&self.log.shared().view().redactor);
        let held = redactor.held_back(&self.buffer);
        self.pass(self.buffer.len() - held).await;
        let before = self.partial_secret.n();
        if let Some(shown) = self.partial_secret.show(&self.buffer, &redactor) {
            let begun = self.begun + self.buffer.len() - before;
            self.send(Text::own(shown), 0, begun).await;
        }
        self.waiting = None;
        self.rest();
    }

    /// Shows the bytes from `new` on to who waits for a line.
    fn look(&mut self, new: usize) {
        let Some(watch) = self.source.watch.filter(|watch| watch.is_open()) else {
            // A watch that opens later sees lines that begin later.
            self.finder = LineFinder::default();
            return;
        };
        watch.look(|pattern| self.finder.take(&self.buffer[new..], pattern));
    }

    /// Shows a line that may have no end to who waits for it: a prompt, or the last words of a run.
    fn look_at_unfinished(&self) {
        if let Some(watch) = self.source.watch.filter(|watch| watch.is_open()) {
            watch.look(|pattern| self.finder.unfinished(pattern));
        }
    }

    /// When the current line has waited long enough.
    fn due(&self) -> Option<Instant> {
        self.waiting.map(|(first, last)| (first + FLUSH_AFTER).min(last + FLUSH_AFTER_QUIET))
    }

    /// Passes on the first bytes of the buffer.
    async fn pass(&mut self, n: usize) {
        if n == 0 {
            return;
        }
        let bytes = &self.buffer[..n];
        let ends = count_ends(bytes);
        self.log.known.counters.lines.fetch_add(ends as u64, Ordering::Relaxed);
        let begun = match memrchr(b'\n', bytes) {
            Some(at) => n - at - 1,
            None => self.begun + n - self.partial_secret.n().min(n),
        };
        let (text, is_redacted) = self.cut_off(n);
        // A secret of several lines leaves fewer ends in the redacted text.
        let ends = if is_redacted { count_ends(&text) } else { ends };
        self.send(text, ends, begun).await;
    }

    /// Hands lines over, of which so many have an end; `begun` is as of now.
    async fn send(&mut self, text: Text, ends: usize, begun: usize) {
        let chunk = Chunk {
            ends,
            worker: Some(self.log.id.clone()),
            stream: self.source.stream,
            run: Some(self.source.run.clone()),
            at: now(),
            begun: mem::replace(&mut self.begun, begun),
            text,
            counters: Some(self.log.counters()),
        };
        if chunk.text.is_empty() {
            return;
        }
        let (shared, chunk) = (self.log.shared(), Arc::new(chunk));
        if !shared.offer_output(&chunk, &self.log.known) {
            // Boxed: few ever wait, and all would carry the room for it.
            Box::pin(shared.wait_with_output(chunk, self.left())).await;
        }
    }

    /// Waits until the pipe is to be left: the end of a run waits for no disk.
    async fn left(&self) {
        match self.close_at {
            Some(at) => sleep_until(at).await,
            None => {
                self.source.ended.cancelled().await;
                sleep(DRAIN).await;
            }
        }
    }

    /// Takes the first bytes off the buffer, redacted; says whether there was anything to redact.
    fn cut_off(&mut self, n: usize) -> (Text, bool) {
        let shared = self.log.shared();
        let view = shared.view();
        if self.partial_secret.n() > 0 {
            return (
                Text::own(self.partial_secret.cut_off(&mut self.buffer, n, &view.redactor)),
                true,
            );
        }
        let redacted = match view.redactor.redact(&self.buffer[..n]) {
            std::borrow::Cow::Owned(redacted) => Some(redacted),
            std::borrow::Cow::Borrowed(_) => None,
        };
        if redacted.is_none() && n >= MIN_TAKEN_BUFFER {
            let mut rest = shared.pool.take();
            rest.extend_from_slice(&self.buffer[n..]);
            let mut full = mem::replace(&mut self.buffer, rest);
            full.truncate(n);
            return (Text::pooled(full, Arc::clone(&shared.pool)), false);
        }
        let is_redacted = redacted.is_some();
        let text = redacted.unwrap_or_else(|| self.buffer[..n].to_vec());
        self.buffer.drain(..n);
        (Text::own(text), is_redacted)
    }

    /// Makes sure that there is a buffer to read into.
    fn make_room(&mut self) {
        if self.buffer.capacity() < BUFFER {
            let mut buffer = self.log.shared().pool.take();
            buffer.extend_from_slice(&self.buffer);
            self.buffer = buffer;
        }
    }

    /// Gives the buffer back, but for the bytes that wait.
    fn rest(&mut self) {
        let waiting = self.buffer.as_slice().to_vec();
        self.log.shared().pool.put(mem::replace(&mut self.buffer, waiting));
    }
}

fn count_ends(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes).count()
}
