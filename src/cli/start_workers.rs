//! `arcanos start-workers`: supervises without a status server, and says how it goes.

use std::{io::Write as _, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    args::{Globals, StartWorkers},
    exit::Failure,
    ground::{self, Ground},
    supervise, systemd,
};
use crate::domain::{Snapshot, Stamp};

/// Runs until a signal, printing a line every so often.
///
/// # Errors
/// Whatever keeps arcanos from starting; then nothing was started.
pub(crate) fn run(globals: &Globals, args: &StartWorkers) -> Result<(), Failure> {
    let ground = ground::prepare(globals)?;
    supervise::runtime()?.block_on(watch(ground, args.every))
}

async fn watch(ground: Ground, every: Duration) -> Result<(), Failure> {
    let supervision = supervise::supervise(ground).await?;
    let end = CancellationToken::new();
    let handle = supervision.engine.handle();
    let ended = end.clone();
    let told = async move {
        while tokio::time::timeout(every, ended.cancelled()).await.is_err() {
            // Nobody may be reading any more; the workers run on.
            let _ = writeln!(std::io::stdout(), "{}", status_line(&handle.snapshot()));
        }
    };
    supervision.until_signal(|| end.cancel(), told).await
}

/// `[TIME] [arcanos] 6 workers: 4 running, 2 failed`.
fn status_line(snapshot: &Snapshot) -> String {
    format!("[{}] [arcanos] {}", Stamp::now(), systemd::status(snapshot))
}
