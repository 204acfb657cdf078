//! `arcanos start-workers`: supervises without a status server, and says how it goes.

use std::{io::Write as _, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    args::{Globals, StartWorkers},
    exit::Failure,
    preflight::{self, Preflight},
    supervise, systemd,
};
use crate::domain::{Snapshot, Stamp};

/// Runs until a signal, printing a line every so often.
///
/// # Errors
/// Whatever keeps arcanos from starting; then nothing was started.
pub(crate) fn run(globals: &Globals, args: &StartWorkers) -> Result<(), Failure> {
    let preflight = preflight::prepare(globals)?;
    let line = if globals.json { json_line } else { status_line };
    supervise::block_on(watch(preflight, args.every, line))
}

async fn watch(
    preflight: Preflight,
    every: Duration,
    line: fn(&Snapshot) -> String,
) -> Result<(), Failure> {
    let supervision = supervise::supervise(preflight).await?;
    let end = CancellationToken::new();
    let handle = supervision.engine.handle();
    let ended = end.clone();
    let progress = async move {
        while tokio::time::timeout(every, ended.cancelled()).await.is_err() {
            // Nobody may be reading any more; the workers run on.
            let _ = writeln!(std::io::stdout(), "{}", line(&handle.snapshot()));
        }
    };
    supervision.until_signal(|| end.cancel(), progress).await
}

/// `[TIME] [arcanos] 6 workers: 4 running, 2 failed`.
fn status_line(snapshot: &Snapshot) -> String {
    format!("[{}] [arcanos] {}", Stamp::now(), systemd::status(snapshot))
}

/// `{"timestamp":…,"generation":…,"status":…,"workers":{"total":6,"running":4,…}}`.
fn json_line(snapshot: &Snapshot) -> String {
    let mut workers: serde_json::Map<String, serde_json::Value> = snapshot
        .counts()
        .0
        .into_iter()
        .map(|(state, count)| (state.as_str().to_owned(), count.into()))
        .collect();
    workers.insert("total".to_owned(), snapshot.workers.len().into());
    let status = if snapshot.is_degraded() { "degraded" } else { "OK" };
    let line = serde_json::json!({
        "timestamp": Stamp::now(),
        "generation": snapshot.generation,
        "status": status,
        "workers": workers,
    });
    line.to_string()
}
