//! The writer: the thread that owns every log file.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use crate::config;
use crate::domain::os_text;

use super::{
    chunk::Chunk,
    format::push_chunk,
    line::Stream,
    log_file::{Change, LogFile, WriteOutcome},
    open_files::{CLOSE_AFTER, OpenFiles},
    queue::{Job, Taken},
    rotate::Limits,
    shared::LogsShared,
};

/// Bytes of session log lines that are gathered before they are written.
const MAX_GATHERED: usize = 256 * 1024;

/// The writer. Jobs are done in order; the session lines of what was taken from the queue
/// together are written together.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<LogsShared>,
    settings: config::Log,
    session: LogFile,
    session_used: Instant,
    files: OpenFiles,
    /// Session lines that are not written yet.
    lines: Vec<u8>,
    /// When files are looked after next; `None` while all are closed and well.
    maintenance: Option<Instant>,
}

impl Writer {
    pub(super) fn new(shared: Arc<LogsShared>, settings: config::Log) -> Self {
        let limits = limits(&settings);
        Self {
            session: LogFile::new(settings.session.clone(), limits),
            session_used: Instant::now(),
            files: OpenFiles::new(settings.directory.clone(), limits),
            lines: Vec::new(),
            maintenance: None,
            shared,
            settings,
        }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let mut jobs = VecDeque::new();
        while self.shared.queue.take(&mut jobs, self.maintenance) == Taken::Open {
            let did_something = !jobs.is_empty();
            for job in jobs.drain(..) {
                self.act(job);
            }
            self.write_session();
            if did_something {
                self.end_overflow();
            }
            self.maintain(Instant::now());
        }
    }

    fn act(&mut self, job: Job) {
        match job {
            Job::Write(chunk, room) => {
                self.write(&chunk);
                drop(chunk);
                self.shared.queue.release(room);
            }
            Job::Configure(settings) => {
                self.write_session();
                self.configure(*settings);
            }
            Job::Reopen => {
                self.write_session();
                self.session.close();
                self.files.reopen();
            }
            Job::Forget(id) => {
                if let Some(path) = self.files.forget(&id) {
                    self.shared.log_errors.end(Some(&path));
                }
            }
            Job::Flush(done) => {
                self.write_session();
                // Whoever asked may have given up by now.
                let _ = done.send(());
            }
        }
    }

    fn write(&mut self, chunk: &Chunk) {
        if let (Some(id), Stream::Stdout | Stream::Stderr) = (&chunk.worker, chunk.stream) {
            let (file, outcome) = self.files.append(id, &chunk.text, Instant::now());
            if let Some(counters) = &chunk.counters {
                counters.dropped.fetch_add(outcome.lost, Ordering::Relaxed);
            }
            let due =
                report(&self.shared, file.path(), &outcome).then(|| file.retry_at()).flatten();
            self.expect_maintenance(due);
        }
        if self.settings.includes.contains(&chunk.stream.kind()) {
            let (format, max_line) = (self.settings.format, self.settings.max_line);
            push_chunk(&mut self.lines, chunk, format, max_line);
            if self.lines.len() >= MAX_GATHERED {
                self.write_session();
            }
        }
    }

    fn write_session(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let now = Instant::now();
        let outcome = self.session.append_lines(&self.lines, now);
        self.session_used = now;
        self.lines.clear();
        self.lines.shrink_to(2 * MAX_GATHERED);
        let is_change = report(&self.shared, self.session.path(), &outcome);
        self.expect_maintenance(is_change.then(|| self.session.retry_at()).flatten());
    }

    fn configure(&mut self, settings: config::Log) {
        let limits = limits(&settings);
        if settings.session == self.session.path() {
            self.session.set_limits(limits);
        } else {
            self.shared.log_errors.end(Some(self.session.path()));
            self.session = LogFile::new(settings.session.clone(), limits);
        }
        for path in self.files.configure(settings.directory.clone(), limits) {
            self.shared.log_errors.end(Some(&path));
        }
        self.settings = settings;
    }

    /// Makes sure that somebody looks after the files soon, or at this moment.
    fn expect_maintenance(&mut self, due: Option<Instant>) {
        let idle = self.maintenance.unwrap_or_else(|| Instant::now() + CLOSE_AFTER);
        self.maintenance = Some(due.map_or(idle, |due| due.min(idle)));
    }

    /// Tries again what failed, closes what is idle, and lets go of buffers when all is quiet.
    fn maintain(&mut self, now: Instant) {
        if self.maintenance.is_none_or(|at| now < at) {
            return;
        }
        let outcome = self.session.retry(now);
        report(&self.shared, self.session.path(), &outcome);
        if self.session_used + CLOSE_AFTER <= now {
            self.session.close();
        }
        let shared = &self.shared;
        self.files.maintain(now, |id, file, outcome| {
            if let Some(counters) = shared.counters(id) {
                counters.dropped.fetch_add(outcome.lost, Ordering::Relaxed);
            }
            report(shared, file.path(), &outcome);
        });
        let idle = self.session.is_open().then(|| self.session_used + CLOSE_AFTER);
        let session = self.session.retry_at().or(idle);
        self.maintenance = [session, self.files.next_maintenance()].into_iter().flatten().min();
        if self.maintenance.is_none() {
            self.lines = Vec::new();
            self.shared.pool.clear();
        }
    }

    /// The queue was emptied, so nothing is dropped any more.
    fn end_overflow(&self) {
        if let Some(lost) = self.shared.log_errors.end(None) {
            tracing::info!(lost, "Logs are written fast enough again.");
            self.shared.say(&format!("Logs are complete again after {lost} bytes were lost"));
        }
    }
}

/// Reports the outcome of writing some bytes; returns whether anything changed.
fn report(shared: &LogsShared, path: &Path, outcome: &WriteOutcome) -> bool {
    match &outcome.change {
        Some(Change::Failed(error)) => {
            tracing::warn!(path = os_text::shown_path(path), error, "Log cannot be written.");
            shared.log_errors.begin(Some(path), &format!("written: {error}"));
        }
        Some(Change::Unrotated(error)) => {
            tracing::warn!(path = os_text::shown_path(path), error, "Log cannot be rotated.");
            shared.log_errors.begin(Some(path), &format!("rotated: {error}"));
        }
        Some(Change::Recovered) | None => {}
    }
    shared.log_errors.add_loss(Some(path), outcome.lost);
    if outcome.change == Some(Change::Recovered)
        && let Some(lost) = shared.log_errors.end(Some(path))
    {
        tracing::info!(path = os_text::shown_path(path), lost, "Log can be written again.");
        let path = shared.log_errors.show(path);
        shared.say(&format!("Log {path} can be written again, {lost} bytes were lost"));
    }
    outcome.change.is_some()
}

fn limits(settings: &config::Log) -> Limits {
    Limits { max_size: settings.max_size, keep: settings.keep }
}
