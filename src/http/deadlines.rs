//! The state of a connection and the deadline for each of its steps.
//!
//! hyper has one deadline for the headers of a request, which also ends a connection that merely
//! waits between two requests, and none for bodies and writes. So the deadlines are kept here: the
//! socket reports bytes, the exchange reports requests, and the driver of the connection cuts it
//! when [`ConnectionState::deadline`] has passed.
//!
//! Invariant: only the connection's own task changes the progress; others read it, or ask the
//! connection to close.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

use futures_util::task::AtomicWaker;

/// The time that is left for sending a 408 when a body came too slowly.
const REJECT_GRACE: Duration = Duration::from_secs(1);

/// How long a client may take. A connection that exceeds one of these is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// For the head of a request, from its first byte; for the first request of a connection,
    /// from the connect.
    pub(crate) head: Duration,
    /// For the whole request with its body, from the same moment. At least `head`.
    pub(crate) request: Duration,
    /// Between two requests. Browsers and HTTP clients keep connections for 5 s to 5 min; one
    /// that waits costs a descriptor, and is the first to go when room is needed.
    pub(crate) idle: Duration,
    /// For reading anything, while there is something to read.
    pub(crate) stall: Duration,
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct ConnectionState {
    progress: Mutex<Progress>,
    must_close: AtomicBool,
    is_evicted: AtomicBool,
    is_cut: AtomicBool,
    waker: AtomicWaker,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Connected; no byte has come yet.
    Fresh,
    /// Between two requests.
    Idle,
    /// A request has begun to arrive.
    Reading,
    /// A request is here in full; its response is on the way.
    Serving,
    /// The response is a stream of events, without an end of its own.
    Streaming,
}

/// What the connection is doing, without a clock.
#[derive(Debug)]
struct Progress {
    timeouts: Timeouts,
    phase: Phase,
    since: Instant,
    /// Since when a write waits for the client to read.
    stalled: Option<Instant>,
    /// Whether a body that was announced has not been read to its end.
    is_unread: bool,
    /// Whether bytes of a further request came before the response was done.
    is_early: bool,
}

impl Progress {
    fn new(now: Instant, timeouts: Timeouts) -> Self {
        Self {
            timeouts,
            phase: Phase::Fresh,
            since: now,
            stalled: None,
            is_unread: false,
            is_early: false,
        }
    }

    fn arrived(&mut self, now: Instant) {
        match self.phase {
            Phase::Fresh => self.phase = Phase::Reading,
            Phase::Idle => self.enter(Phase::Reading, now),
            Phase::Reading => {}
            Phase::Serving | Phase::Streaming => self.is_early = true,
        }
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.since = now;
    }

    fn served(&mut self, now: Instant) {
        let next = if self.is_early { Phase::Reading } else { Phase::Idle };
        self.is_early = false;
        self.enter(next, now);
    }

    fn deadline(&self) -> Option<Instant> {
        let Timeouts { head, request, idle, stall } = self.timeouts;
        let wait = match self.phase {
            Phase::Idle => Some(idle),
            Phase::Reading if self.is_unread => Some(request + REJECT_GRACE),
            Phase::Fresh | Phase::Reading => Some(head),
            Phase::Serving | Phase::Streaming => None,
        };
        let phase = wait.map(|wait| self.since + wait);
        let stall = self.stalled.map(|since| since + stall);
        match (phase, stall) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        }
    }

    fn idle_since(&self) -> Option<Instant> {
        let is_idle = matches!(self.phase, Phase::Fresh | Phase::Idle) && self.stalled.is_none();
        is_idle.then_some(self.since)
    }

    fn reading_since(&self) -> Option<Instant> {
        (self.phase == Phase::Reading).then_some(self.since)
    }
}

impl ConnectionState {
    /// The state of a connection that was accepted now.
    pub(super) fn new(now: Instant, timeouts: Timeouts) -> Self {
        Self {
            progress: Mutex::new(Progress::new(now, timeouts)),
            must_close: AtomicBool::new(false),
            is_evicted: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    /// Bytes came in.
    pub(super) fn arrived(&self) {
        self.lock().arrived(Instant::now());
    }

    /// A write has to wait for the client to read.
    pub(super) fn blocked(&self) {
        self.lock().stalled.get_or_insert_with(Instant::now);
    }

    /// The client has read something.
    pub(super) fn wrote(&self) {
        self.lock().stalled = None;
    }

    /// The head of a request is here and announces a body. Returns the moment by which the body
    /// must be here.
    pub(super) fn expects_body(&self) -> Instant {
        let mut progress = self.lock();
        progress.is_unread = true;
        progress.is_early = false;
        if progress.phase != Phase::Reading {
            // A pipelined request: its first byte was seen while another one was served.
            progress.enter(Phase::Reading, Instant::now());
        }
        progress.since + progress.timeouts.request
    }

    /// A request is here in full.
    pub(super) fn received(&self) {
        let mut progress = self.lock();
        progress.is_unread = false;
        // A response may begin before the body has come to its end.
        if progress.phase != Phase::Streaming {
            progress.is_early = false;
            progress.phase = Phase::Serving;
        }
    }

    /// The response is a stream.
    pub(super) fn streams(&self) {
        self.lock().phase = Phase::Streaming;
    }

    /// The response has been handed over in full.
    pub(super) fn served(&self) {
        self.lock().served(Instant::now());
    }

    /// Whether the response is a stream, which ends when its client goes.
    pub(super) fn is_streaming(&self) -> bool {
        self.lock().phase == Phase::Streaming
    }

    /// Whether the client may still be sending something that nobody will read.
    pub(super) fn has_unread(&self) -> bool {
        let progress = self.lock();
        progress.is_unread || progress.phase == Phase::Reading
    }

    /// The time for a whole request.
    pub(super) fn request_timeout(&self) -> Duration {
        self.lock().timeouts.request
    }

    /// When the connection has to be cut; `None` while it may take any time.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lock().deadline()
    }

    /// Since when it waits for a request; `None` while it has one or a response is on the way.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.lock().idle_since()
    }

    /// Since when its request has been coming; `None` before its first byte and once it is here.
    pub(super) fn reading_since(&self) -> Option<Instant> {
        self.lock().reading_since()
    }

    /// Asks the connection to close at once if its request is not here yet, else as
    /// [`Self::close_when_idle`] does.
    pub(super) fn evict(&self) {
        self.is_evicted.store(true, Ordering::Release);
        self.close_when_idle();
    }

    /// Whether it was asked to close at once, and its request is not here yet.
    pub(super) fn is_evicted(&self) -> bool {
        self.is_evicted.load(Ordering::Acquire) && self.reading_since().is_some()
    }

    /// Asks the connection to close once it has responded to its request.
    pub(super) fn close_when_idle(&self) {
        self.must_close.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether it was asked to close; if not, the waker is woken when it is.
    pub(super) fn must_close(&self, waker: &Waker) -> bool {
        self.waker.register(waker);
        self.must_close.load(Ordering::Acquire)
    }

    /// The connection is cut: what it has not sent is thrown away.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    /// Whether it was cut.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        // Nothing inside can leave it half changed.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(super) mod tests;
