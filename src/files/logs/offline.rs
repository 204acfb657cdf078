//! Past lines: what the files of the logs hold, for readers without a running arcanos.

use std::{io, path::Path, sync::Arc};

use crate::{
    config,
    domain::WorkerId,
    text::{Redactor, shown},
};

use super::{
    line::Stream,
    query::TailQuery,
    recall::{self, Recall},
};

/// Bytes that are read of the session log and its rotated files, at most. A worker that was removed
/// may have written its last line long before the others.
const MAX_READ: u64 = 64 * 1024 * 1024;

/// Bytes that are read of a worker's own log and each of its rotated files, at most.
const MAX_READ_OF_ONE: u64 = 4 * 1024 * 1024;

/// The last lines that the files hold of this worker, or of all and arcanos itself; oldest first,
/// in the session log's form.
///
/// Where the session log has none, the lines of the worker's own log stand for them, as the worker
/// wrote them: without a time, redacted and escaped. A question for a time, or for lines that are
/// not output, that log cannot answer. Files that cannot be read hold nothing.
#[must_use]
pub fn past_lines(
    settings: &config::Log,
    redactor: Arc<Redactor>,
    worker: Option<&WorkerId>,
    query: &TailQuery,
) -> Vec<String> {
    let recall = Recall {
        session: settings.session.clone(),
        scope: worker.cloned(),
        query: *query,
        before: None,
        max_line: settings.max_line,
        redactor: Arc::clone(&redactor),
        max_read: MAX_READ,
        rotated: settings.keep,
    };
    let lines: Vec<String> = recall.lines().iter().map(ToString::to_string).collect();
    let wants_output = query.since.is_none()
        && !matches!(query.stream, Some(Stream::Activity | Stream::Lifecycle));
    match worker.filter(|_| lines.is_empty() && wants_output) {
        Some(worker) => own_lines(settings, &redactor, worker, query.lines),
        None => lines,
    }
}

/// The last lines of a worker's own log.
fn own_lines(
    settings: &config::Log,
    redactor: &Redactor,
    worker: &WorkerId,
    most: usize,
) -> Vec<String> {
    let log = settings.directory.join(format!("{worker}.log"));
    let mut lines: Vec<String> = Vec::new();
    for path in recall::files(&log, settings.keep) {
        let missing = most - lines.len();
        if missing == 0 {
            break;
        }
        let Ok(bytes) = end_of(&path) else { continue };
        let whole = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let found = whole.split(|byte| *byte == b'\n').rev().take(missing).collect::<Vec<_>>();
        let show = |line: &&[u8]| shown(&redactor.redact(line), settings.max_line);
        lines.splice(0..0, found.iter().rev().map(show));
    }
    lines
}

/// The whole lines in the last bytes of a file.
fn end_of(path: &Path) -> io::Result<Vec<u8>> {
    let (file, length) = recall::open(path)?;
    let start = length.saturating_sub(MAX_READ_OF_ONE);
    let bytes = recall::read_from(&file, start, length)?;
    match recall::whole_lines(&bytes, start) {
        [] => Err(io::ErrorKind::UnexpectedEof.into()),
        lines => Ok(lines.to_vec()),
    }
}
