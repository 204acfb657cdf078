//! The handle on one worker's log.

use std::sync::Arc;

use crate::domain::{LogCounters, RunId, WorkerId};

use super::{
    chunk::Chunk,
    line::Stream,
    shared::{Handle, Known, LogsShared},
};

/// The log of one worker. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct WorkerLog {
    pub(super) handle: Arc<Handle>,
    pub(super) id: WorkerId,
    pub(super) known: Arc<Known>,
}

impl WorkerLog {
    /// Writes what arcanos did with the worker. Newlines in it are made visible.
    pub fn lifecycle(&self, run: Option<&RunId>, text: &str) {
        self.say(Stream::Lifecycle, run, text);
    }

    /// Writes what the worker said on its channel. Newlines in it are made visible.
    pub fn activity(&self, run: Option<&RunId>, text: &str) {
        self.say(Stream::Activity, run, text);
    }

    /// What it has written; counts on by itself.
    #[must_use]
    pub fn counters(&self) -> Arc<LogCounters> {
        Arc::clone(&self.known.counters)
    }

    pub(super) fn shared(&self) -> &LogsShared {
        &self.handle.shared
    }

    fn say(&self, stream: Stream, run: Option<&RunId>, text: &str) {
        let chunk = Chunk {
            worker: Some(self.id.clone()),
            run: run.cloned(),
            counters: (stream == Stream::Activity).then(|| self.counters()),
            ..self.shared().line(stream, text)
        };
        self.shared().pass_line(Arc::new(chunk), Some(&self.known));
    }
}
