//! The gate: holds back a worker's launch or end while other workers must go first (`after`).

use std::future;

use tokio::sync::watch;

use crate::{
    domain::{State, WorkerId},
    engine::board::Board,
};

/// What a task waits for that other workers decide.
#[derive(Default)]
pub(super) struct Gate {
    /// Whether the worker would ask for a permit to launch, if the others were up.
    pub(super) wants_permit: bool,
    /// Whether it would end, if the others were gone.
    pub(super) is_ending: bool,
    /// What part it has in a stop of all workers, if in one.
    pub(super) turn: Option<Turn>,
    /// Whom it waits for, in words.
    pub(super) reason: Option<String>,
    /// Changes of the board, while it waits.
    changes: Option<watch::Receiver<u64>>,
}

/// What part a worker with a run has in a stop of all workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It goes on running until those have stopped that were launched after it.
    Waits,
    /// It is being stopped.
    Stops,
}

impl Gate {
    /// From now on changes of the board wake the task. Call it before the board is read.
    pub(super) fn watch(&mut self, board: &Board) {
        match &mut self.changes {
            Some(changes) => changes.mark_unchanged(),
            None => self.changes = Some(board.changes()),
        }
    }

    /// Stops watching if nothing is waited for.
    pub(super) fn rest(&mut self) {
        if !self.wants_permit && !self.is_ending && self.turn != Some(Turn::Waits) {
            self.changes = None;
        }
    }

    /// Waits for a change of the board while it is watched; else for ever. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        let Some(changes) = &mut self.changes else { return future::pending().await };
        if changes.changed().await.is_err() {
            // Without a board arcanos has ended.
            future::pending().await
        }
    }
}

/// Why a worker that is launched after this one must wait, if it must.
pub(super) fn waits_for(board: &Board, id: &WorkerId) -> Option<String> {
    let Some(view) = board.worker(id) else {
        return Some(format!("waits for {id}, which is not there yet (`after`)"));
    };
    let is_done = match view.state {
        State::Running | State::Completed => true,
        // It waits for its next run, and the last one was good.
        State::Scheduled => view.last_exit.is_some(),
        State::Starting | State::Stopping | State::Backoff | State::Failed | State::Stopped => {
            false
        }
    };
    (!is_done).then(|| format!("waits for {id}, which is {} (`after`)", view.state))
}
