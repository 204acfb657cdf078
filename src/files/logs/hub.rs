//! [`Logs`]: the handle on all logs, from which the handles on the log of each worker come.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use tokio::{
    sync::{oneshot, watch},
    task::spawn_blocking,
    time::timeout,
};

use crate::{
    config,
    domain::{WorkerId, WorkerSpec},
    text::{Redactor, fitted},
};

use super::{
    follow::Follower,
    history::{Newest, Scope},
    line::LogLine,
    query::TailQuery,
    queue::Job,
    recall::{MAX_READ, ROTATED_READ, Recall},
    shared::{Handle, LogsShared},
    tail::Tail,
    worker_log::WorkerLog,
    writer::Writer,
};

/// The logs of everything. Cloning is cheap; all clones are the same logs.
///
/// When the last clone and the last [`WorkerLog`] are dropped, what is queued is still written.
#[derive(Clone, Debug)]
pub struct Logs {
    pub(super) handle: Arc<Handle>,
}

/// Why there can be no logs at all. A file that cannot be written is not a reason: it is
/// one of the [`Logs::problems`], and it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system refuses one more thread.
    #[error("start the thread that writes the logs")]
    Thread(#[source] io::Error),
}

impl Logs {
    /// Opens the logs and starts the thread that writes them.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn open(settings: &config::Log, redactor: Arc<Redactor>) -> Result<Self, LogError> {
        let shared = Arc::new(LogsShared::new(settings, redactor));
        let writer = Writer::new(Arc::clone(&shared), settings.clone());
        thread::Builder::new()
            .name("logs".to_owned())
            .spawn(move || writer.run())
            .map_err(LogError::Thread)?;
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }

    /// The log of this worker, the same one while the worker is known.
    #[must_use]
    pub fn worker(&self, id: &WorkerId) -> WorkerLog {
        let mut workers = self.handle.shared.workers();
        let known = workers.entry(id.clone()).or_default();
        WorkerLog { handle: Arc::clone(&self.handle), id: id.clone(), known: Arc::clone(known) }
    }

    /// The worker is gone: its memory is freed, its file closed, those who follow it let go.
    ///
    /// What is still captured of it goes into the files and is not remembered.
    pub fn forget(&self, id: &WorkerId) {
        if let Some(known) = self.handle.shared.workers().remove(id) {
            known.is_gone.store(true, Ordering::Relaxed);
        }
        self.handle.shared.history().forget(id);
        self.handle.shared.queue.push(Job::Forget(id.clone()));
    }

    /// Writes a line of arcanos itself.
    pub fn arcanos(&self, text: &str) {
        self.handle.shared.say(text);
    }

    /// Goes on with other settings, after what is queued is written by the old ones.
    pub fn configure(&self, settings: &config::Log, redactor: Arc<Redactor>) {
        let shared = &self.handle.shared;
        shared.set_view(settings, redactor);
        shared.queue.push(Job::Configure(Box::new(settings.clone())));
    }

    /// A run was started with this spec: what is secret in it stays so while the run owns it.
    pub fn hold(&self, spec: &Arc<WorkerSpec>) {
        self.handle.shared.holders.add(spec);
    }

    /// Whether a run that lives was started with this value.
    #[must_use]
    pub fn is_held(&self, value: &str) -> bool {
        self.handle.shared.holders.have(value)
    }

    /// Opens all files again, after others moved them away.
    pub fn reopen(&self) {
        self.handle.shared.queue.push(Job::Reopen);
    }

    /// Waits until everything that was said before is written, or tried, but not for longer
    /// than this.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub async fn flush(&self, longest: Duration) {
        let (done, written) = oneshot::channel();
        self.handle.shared.queue.push(Job::Flush(done));
        // Too late or not at all: the caller goes on in either case.
        let _ = timeout(longest, written).await;
    }

    /// What is wrong with the logs right now, in words, and what it cost so far.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.handle.shared.log_errors.texts()
    }

    /// Changes whenever a problem comes or goes.
    #[must_use]
    pub fn problem_changes(&self) -> watch::Receiver<u64> {
        self.handle.shared.log_errors.changes()
    }

    /// The text without secrets.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.handle.shared.view().redactor.redact_str(text).into_owned()
    }

    /// A text that a worker had a part in, as it is kept and shown: without secrets, on one line,
    /// and at most `log.max_line` bytes long. Secrets go first: a cut may halve one.
    #[must_use]
    pub fn shown(&self, text: &str) -> String {
        let view = self.handle.shared.view();
        fitted(&view.redactor.redact(text.as_bytes()), view.max_line)
    }

    /// The last lines of this worker, or of all and arcanos itself; oldest first.
    ///
    /// What is no longer in memory comes from the end of the session log, as far as it is there.
    pub async fn tail(&self, id: Option<&WorkerId>, query: &TailQuery) -> Vec<LogLine> {
        self.lazy_tail(id, query).await.collect()
    }

    /// As [`Logs::tail`], for readers that may be slow: lines are made as they are taken.
    pub async fn lazy_tail(&self, id: Option<&WorkerId>, query: &TailQuery) -> Tail {
        let scope = id.cloned();
        let newest = self.handle.shared.history().newest(&scope, query);
        self.complete(scope, query, newest).await
    }

    /// The last lines and all that come after them: none is missing, none comes twice.
    pub async fn tail_and_follow(
        &self,
        id: Option<&WorkerId>,
        query: &TailQuery,
    ) -> (Tail, Follower) {
        let scope = id.cloned();
        let (newest, place, latest) = {
            let mut history = self.handle.shared.history();
            let (place, latest) = history.follow(&scope);
            (history.newest(&scope, query), place, latest)
        };
        let lines = self.complete(scope.clone(), query, newest).await;
        let shared = Arc::clone(&self.handle.shared);
        (lines, Follower { shared, scope, stream: query.stream, place, latest, current: None })
    }

    /// Puts the chunks together with older lines from the session log.
    async fn complete(&self, scope: Scope, query: &TailQuery, newest: Newest) -> Tail {
        let view = self.handle.shared.view();
        let mut tail = Tail::new(newest.chunks, query.lines, view.max_line);
        let reaches = |since| newest.oldest.is_some_and(|oldest| oldest < since);
        let n_lines = tail.n_remembered();
        if n_lines == query.lines || query.since.is_some_and(reaches) {
            return tail;
        }
        let recall = Recall {
            session: view.session.clone(),
            scope,
            query: TailQuery { lines: query.lines - n_lines, ..*query },
            before: newest.oldest,
            max_line: view.max_line,
            redactor: Arc::clone(&view.redactor),
            max_read: MAX_READ,
            rotated: ROTATED_READ,
        };
        // The disk may hang, and this must not hang with it.
        let older = spawn_blocking(move || recall.lines()).await.unwrap_or_default();
        tail.prepend(older);
        tail
    }
}
