//! The turn to launch: of those that share one, such as the runs of a worker, one launches at a
//! time, and a launch that was given up keeps its turn until it has come to an end.

use std::sync::{Arc, Mutex};

use tokio::sync::OwnedMutexGuard;

use super::half_born::HalfBorn;
use crate::sync::lock;

/// The turn of those that may hang for the same reason. Cheap to clone.
///
/// Invariant: however often a launch that hangs is tried again, it holds up one thread.
#[derive(Clone, Default)]
pub struct LaunchTurn(Arc<Inner>);

#[derive(Default)]
struct Inner {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The child of the last launch that had the turn.
    last: Mutex<Arc<HalfBorn>>,
}

/// A turn that was taken, to be held as long as the launch is under way.
pub(super) struct TakenTurn {
    pub(super) half_born: Arc<HalfBorn>,
    _turn: OwnedMutexGuard<()>,
}

impl LaunchTurn {
    /// Waits until the launch before is over. If it was given up, it is killed once more: the
    /// first time, its child may not have been there yet.
    pub(super) async fn take(&self, half_born: Arc<HalfBorn>) -> TakenTurn {
        let last = Arc::clone(&lock(&self.0.last));
        last.kill_given_up();
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        *lock(&self.0.last) = Arc::clone(&half_born);
        TakenTurn { half_born, _turn: turn }
    }
}
