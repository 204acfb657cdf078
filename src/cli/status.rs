//! `arcanos status`: the workers of the running arcanos, once or live.

mod snapshot;
mod table;
mod watch;

use jiff::Timestamp;

use crate::cli::{
    args::{Globals, Status},
    client::find,
    exit::Failure,
    json::pretty,
    terminal::Output,
};
use snapshot::StatusSnapshot;

/// Shows the workers.
///
/// # Errors
/// None runs, or it refuses.
pub(crate) async fn run(globals: &Globals, args: &Status, out: &mut Output) -> Result<(), Failure> {
    if args.watch {
        return watch::run(globals, out).await;
    }
    let found = find::find(globals)?;
    if globals.json {
        let answer = found.client.read("/workers/status").await?;
        out.line(&pretty(&answer))?;
        return Ok(out.flush()?);
    }
    let snapshot = StatusSnapshot::fetch(&found).await?;
    let view = table::TableLayout {
        width: out.table_width(),
        colours: out.colours(),
        now: Timestamp::now(),
    };
    for line in table::lines(&snapshot, &view) {
        out.line(&line)?;
    }
    Ok(out.flush()?)
}
