//! Keeps how far the schedule of one worker has come in the state directory, for the next arcanos.

use std::sync::{Arc, Mutex};

use super::context::Context;
use crate::{
    domain::{ScheduleMark, WorkerId},
    sync::lock,
};

/// What is kept, and what is written of it.
pub(super) struct ScheduleKeeper {
    mark: Arc<Mutex<Option<ScheduleMark>>>,
    /// Held while the file is written, so that a later mark is never replaced by an earlier one.
    writing: Arc<Mutex<()>>,
}

impl ScheduleKeeper {
    /// A keeper of what stands in the state directory, and that.
    pub(super) fn read(context: &Context, worker: &WorkerId) -> (Self, Option<ScheduleMark>) {
        let mark = context.state.schedule_mark(worker).unwrap_or_else(|error| {
            tracing::warn!(%worker, %error, "Last run of the schedule cannot be read.");
            None
        });
        let keeper = Self { mark: Arc::new(Mutex::new(mark.clone())), writing: Arc::default() };
        (keeper, mark)
    }

    /// Writes the mark if it is another one. A disk may hang, so nobody waits for it.
    pub(super) fn keep(&self, context: &Context, worker: &WorkerId, mark: Option<&ScheduleMark>) {
        let mut kept = lock(&self.mark);
        if kept.as_ref() == mark {
            return;
        }
        *kept = mark.cloned();
        let (latest, writing) = (Arc::clone(&self.mark), Arc::clone(&self.writing));
        let (state, worker) = (Arc::clone(&context.state), worker.clone());
        context.tracker.spawn_blocking(move || {
            let _writing = lock(&writing);
            let mark = lock(&latest).clone();
            if let Err(error) = state.keep_schedule_mark(&worker, mark.as_ref()) {
                tracing::warn!(%worker, %error, "Last run of the schedule cannot be kept.");
            }
        });
    }
}
