//! The state that handles, followers and the writer share.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    config,
    domain::{LogCounters, Stamp, WorkerId},
    sync::lock,
    text::{Redactor, fitted},
};

use super::{
    chunk::{Chunk, Pool, Text},
    history::History,
    holders::Holders,
    line::Stream,
    log_errors::LogErrors,
    queue::Queue,
};

/// Ends the writer when it is dropped.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) shared: Arc<LogsShared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

/// The state that handles, followers and the writer share.
#[derive(Debug)]
pub(super) struct LogsShared {
    pub(super) queue: Queue,
    pub(super) history: Mutex<History>,
    pub(super) log_errors: LogErrors,
    pub(super) pool: Arc<Pool>,
    pub(super) holders: Holders,
    view: Mutex<Arc<LogView>>,
    workers: Mutex<HashMap<WorkerId, Arc<Known>>>,
}

/// The settings that readers and capture go by.
#[derive(Debug)]
pub(super) struct LogView {
    pub(super) redactor: Arc<Redactor>,
    pub(super) max_line: usize,
    pub(super) session: PathBuf,
}

/// A worker that is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) counters: Arc<LogCounters>,
    /// It was forgotten meanwhile.
    pub(super) is_gone: AtomicBool,
}

impl LogView {
    fn new(settings: &config::Log, redactor: Arc<Redactor>) -> Self {
        Self { redactor, max_line: settings.max_line, session: settings.session.clone() }
    }
}

impl LogsShared {
    pub(super) fn new(settings: &config::Log, redactor: Arc<Redactor>) -> Self {
        Self {
            queue: Queue::new(),
            history: Mutex::new(History::new()),
            log_errors: LogErrors::none(std::env::current_dir().unwrap_or_default()),
            pool: Arc::default(),
            holders: Holders::default(),
            view: Mutex::new(Arc::new(LogView::new(settings, redactor))),
            workers: Mutex::default(),
        }
    }

    /// Other settings from now on.
    pub(super) fn set_view(&self, settings: &config::Log, redactor: Arc<Redactor>) {
        let view = Arc::new(LogView::new(settings, redactor));
        *lock(&self.view) = view;
    }

    /// The settings now.
    pub(super) fn view(&self) -> Arc<LogView> {
        Arc::clone(&lock(&self.view))
    }

    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        lock(&self.history)
    }

    /// The counters of this worker, while it is known.
    pub(super) fn counters(&self, id: &WorkerId) -> Option<Arc<LogCounters>> {
        self.workers().get(id).map(|known| Arc::clone(&known.counters))
    }

    /// Writes a line of arcanos itself.
    pub(super) fn say(&self, text: &str) {
        let chunk = self.line(Stream::Lifecycle, text);
        self.pass_line(Arc::new(chunk), None);
    }

    /// A line that is not output of a worker: redacted, on one line whatever it holds, and cut.
    pub(super) fn line(&self, stream: Stream, text: &str) -> Chunk {
        let view = self.view();
        let mut text = fitted(&view.redactor.redact(text.as_bytes()), view.max_line);
        text.push('\n');
        Chunk {
            worker: None,
            stream,
            run: None,
            at: now(),
            begun: 0,
            text: Text::own(text.into_bytes()),
            ends: 1,
            counters: None,
        }
    }

    /// Remembers and queues a line that is not output of a worker.
    pub(super) fn pass_line(&self, chunk: Arc<Chunk>, known: Option<&Known>) {
        self.remember(&chunk, known);
        if self.queue.push_line(Arc::clone(&chunk)).is_err() {
            self.count_overflow(&chunk);
        }
    }

    /// Remembers output, and queues it if there is room; says whether it did.
    pub(super) fn offer_output(&self, chunk: &Arc<Chunk>, known: &Known) -> bool {
        self.remember(chunk, Some(known));
        self.queue.try_push_output(chunk).is_ok()
    }

    /// Queues output for which there was no room; waits for room, a second at most and until
    /// `given_up` is ready.
    pub(super) async fn wait_with_output(
        &self,
        chunk: Arc<Chunk>,
        given_up: impl Future<Output = ()>,
    ) {
        let queued = tokio::select! {
            biased;
            // Cancel-safe: what was not queued is counted as lost.
            queued = self.queue.push_output(Arc::clone(&chunk)) => queued.is_ok(),
            // Cancel-safe: it is not asked for again.
            () = given_up => false,
        };
        if !queued {
            self.count_overflow(&chunk);
        }
    }

    /// Puts a chunk into the memory that answers `tail` and `follow`, unless its worker is gone.
    fn remember(&self, chunk: &Arc<Chunk>, known: Option<&Known>) {
        // Under the lock, so that whoever forgets the worker comes before or after this.
        let mut history = self.history();
        if known.is_none_or(|known| !known.is_gone.load(Ordering::Relaxed)) {
            history.push(Arc::clone(chunk));
        }
    }

    fn count_overflow(&self, chunk: &Chunk) {
        let lost = chunk.text.len() as u64;
        if let Some(counters) = &chunk.counters {
            counters.dropped.fetch_add(lost, Ordering::Relaxed);
        }
        if !self.log_errors.has_general() {
            tracing::warn!("Logs cannot be written fast enough; output is dropped.");
            self.log_errors.begin(None, "written fast enough, or the disk hangs");
        }
        self.log_errors.add_loss(None, lost);
    }

    pub(super) fn workers(&self) -> MutexGuard<'_, HashMap<WorkerId, Arc<Known>>> {
        lock(&self.workers)
    }
}

/// The present moment in whole milliseconds, as the session log has it: so that lines in memory
/// and lines read back compare.
pub(super) fn now() -> Stamp {
    Stamp::now().in_milliseconds()
}
