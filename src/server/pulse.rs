//! What one connection is doing, and until when it may.
//!
//! hyper has one deadline for the headers of a request, which also ends a connection that merely
//! waits between two requests, and none for bodies and writes. So the deadlines are kept here: the
//! socket tells of bytes, the caller of requests, and the driver of the connection cuts it when
//! [`ConnectionState::deadline`] has passed.
//!
//! Invariant: only the connection's own task changes the beat; others read it, or ask it to leave.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

use futures_util::task::AtomicWaker;

/// What is left for saying 408 to a body that comes too slowly.
const REJECT_GRACE: Duration = Duration::from_secs(1);

/// How long a client may take for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// For a request, from its first byte; for the first one of a connection, from the connect.
    pub(super) request: Duration,
    /// Between two requests. Browsers and HTTP clients keep connections for 5 s to 5 min; one
    /// that waits costs a descriptor, and is the first to go when room is needed.
    pub(super) idle: Duration,
    /// For reading anything, while there is something to read.
    pub(super) stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            stall: Duration::from_secs(30),
        }
    }
}

/// The pulse of one connection.
#[derive(Debug)]
pub(super) struct ConnectionState {
    beat: Mutex<Progress>,
    is_leaving: AtomicBool,
    is_ousted: AtomicBool,
    is_cut: AtomicBool,
    waker: AtomicWaker,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Connected, and has said nothing yet.
    Fresh,
    /// Between two requests.
    Idle,
    /// A request has begun to arrive.
    Reading,
    /// A request is here; its answer is on the way.
    Serving,
    /// The answer is a stream of events, without an end of its own.
    Streaming,
}

/// The state itself, without a clock.
#[derive(Debug)]
struct Progress {
    patience: Timeouts,
    phase: Phase,
    since: Instant,
    /// Since when a write waits for the client to read.
    stalled: Option<Instant>,
    /// Whether a body that was announced has not been read to its end.
    is_unread: bool,
    /// Whether bytes of a further request came before the answer was done.
    is_early: bool,
}

impl Progress {
    fn new(now: Instant, patience: Timeouts) -> Self {
        Self {
            patience,
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
        let Timeouts { request, idle, stall } = self.patience;
        let wait = match self.phase {
            Phase::Idle => Some(idle),
            Phase::Reading if self.is_unread => Some(request + REJECT_GRACE),
            Phase::Fresh | Phase::Reading => Some(request),
            Phase::Serving | Phase::Streaming => None,
        };
        let patience = wait.map(|wait| self.since + wait);
        let stall = self.stalled.map(|since| since + stall);
        match (patience, stall) {
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
    /// The pulse of a connection that was accepted now.
    pub(super) fn new(now: Instant, patience: Timeouts) -> Self {
        Self {
            beat: Mutex::new(Progress::new(now, patience)),
            is_leaving: AtomicBool::new(false),
            is_ousted: AtomicBool::new(false),
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

    /// The head of a request is here and announces a body. Answers with the moment by which it
    /// must have come.
    pub(super) fn expects_body(&self) -> Instant {
        let mut beat = self.lock();
        beat.is_unread = true;
        beat.is_early = false;
        if beat.phase != Phase::Reading {
            // A pipelined request: its first byte was seen while another one was served.
            beat.enter(Phase::Reading, Instant::now());
        }
        beat.since + beat.patience.request
    }

    /// A request is here in full.
    pub(super) fn received(&self) {
        let mut beat = self.lock();
        beat.is_unread = false;
        beat.is_early = false;
        beat.phase = Phase::Serving;
    }

    /// The answer is a stream.
    pub(super) fn streams(&self) {
        self.lock().phase = Phase::Streaming;
    }

    /// The answer has been handed over in full.
    pub(super) fn served(&self) {
        self.lock().served(Instant::now());
    }

    /// Whether the answer is a stream, which ends when its client goes.
    pub(super) fn is_streaming(&self) -> bool {
        self.lock().phase == Phase::Streaming
    }

    /// Whether the client may still be sending something that nobody will read.
    pub(super) fn has_unread(&self) -> bool {
        let beat = self.lock();
        beat.is_unread || beat.phase == Phase::Reading
    }

    /// When the connection is to be cut, as things are.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lock().deadline()
    }

    /// Since when it waits for a request; `None` while it has one or an answer is on the way.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.lock().idle_since()
    }

    /// Since when its request has been coming; `None` before its first byte and once it is here.
    pub(super) fn reading_since(&self) -> Option<Instant> {
        self.lock().reading_since()
    }

    /// Asks the connection to end at once if its request is not here yet, else as
    /// [`Self::close_when_idle`] does.
    pub(super) fn evict(&self) {
        self.is_ousted.store(true, Ordering::Release);
        self.close_when_idle();
    }

    /// Whether it was asked to end at once, and its request is not here yet.
    pub(super) fn is_ousted(&self) -> bool {
        self.is_ousted.load(Ordering::Acquire) && self.reading_since().is_some()
    }

    /// Asks the connection to end once it has answered what it is at.
    pub(super) fn close_when_idle(&self) {
        self.is_leaving.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether it was asked to end; if not, the waker is woken when it is.
    pub(super) fn is_dismissed(&self, waker: &Waker) -> bool {
        self.waker.register(waker);
        self.is_leaving.load(Ordering::Acquire)
    }

    /// It ends before its time: what it has not sent is thrown away.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    /// Whether it ended before its time.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        // Nothing inside can leave it half changed.
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
