//! One log file: appended to, rotated by rename, found again after others moved it.
//!
//! Errors never reach the caller: bytes that cannot be written are counted, the file is tried again
//! after a while, and the first loss and the recovery are reported once each. Bytes come in whole
//! lines wherever the worker wrote whole lines, and rotation splits them only at the end of a line.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use memchr::{memchr, memrchr};

use super::{
    open_log::{Identity, OpenLog, Torn, ends_a_line},
    rotate::{Limits, shift},
};

/// How often, at most, to check whether the path still leads to the open file.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// The wait before the first new try after an error; it doubles up to [`MAX_RETRY`].
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// The longest wait between two tries.
const MAX_RETRY: Duration = Duration::from_secs(1);

/// Bytes kept of what could not be written, to go on with exactly where the error came: a
/// few hundred lines. More would only move the loss into memory.
const MAX_KEPT: usize = 16 * 1024;

/// A log file under its path.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    limits: Limits,
    open: Option<OpenLog>,
    failure: Option<Failure>,
    /// When rotating failed last; it is not tried again for a while.
    unrotated: Option<Instant>,
}

/// A change of the state of a log file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It cannot be written, for this reason.
    Failed(String),
    /// It cannot be rotated, for this reason; it is written on.
    Unrotated(String),
    /// It is written and rotated again.
    Recovered,
}

/// The outcome of writing some bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct WriteOutcome {
    /// Bytes lost: some of these, or of those that were kept from before.
    pub(super) lost: u64,
    /// What changed with them.
    pub(super) change: Option<Change>,
}

#[derive(Debug)]
struct Failure {
    retry_at: Instant,
    wait: Duration,
    /// What is written first when it works again.
    kept: Vec<u8>,
    /// The file that holds the first half of the line which `kept` begins with the rest of.
    torn: Option<Identity>,
}

impl LogFile {
    /// The file at this path, which is opened with the first bytes.
    pub(super) fn new(path: PathBuf, limits: Limits) -> Self {
        Self { path, limits, open: None, failure: None, unrotated: None }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Other limits from now on.
    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether it takes a descriptor.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether it can be written and rotated, as far as is known.
    pub(super) fn is_well(&self) -> bool {
        self.failure.is_none() && self.unrotated.is_none()
    }

    /// When it must be tried again, if it cannot be written.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.failure.as_ref().map(|failure| failure.retry_at)
    }

    /// Lets go of the descriptor; the next bytes open the path again.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Appends these bytes.
    pub(super) fn append(&mut self, bytes: &[u8], now: Instant) -> WriteOutcome {
        let mut outcome = self.retry(now);
        if let Some(failure) = &mut self.failure {
            outcome.lost += failure.keep(bytes);
            return outcome;
        }
        match self.write(bytes, now) {
            Ok(change) => outcome.change = change.or(outcome.change),
            Err((written, error)) => {
                outcome.lost += self.fail(bytes, written, now);
                // It recovered a moment ago and fails again, as on a disk that is nearly full: one
                // report of each for every few bytes would help nobody.
                outcome.change = match (outcome.change.take(), &mut self.failure) {
                    (Some(Change::Recovered), Some(failure)) => {
                        (failure.wait, failure.retry_at) = (MAX_RETRY, now + MAX_RETRY);
                        None
                    }
                    _ => Some(Change::Failed(reason(&error))),
                };
            }
        }
        outcome
    }

    /// Appends whole lines, on a line of their own whatever stands before them.
    pub(super) fn append_lines(&mut self, lines: &[u8], now: Instant) -> WriteOutcome {
        self.look(now);
        let is_torn = |open: &mut OpenLog| !open.at_line_start;
        if self.failure.is_some() || !self.opened(now).is_ok_and(is_torn) {
            return self.append(lines, now);
        }
        self.append(&[b"\n", lines].concat(), now)
    }

    /// Tries again to write what could not be written, if it is time.
    pub(super) fn retry(&mut self, now: Instant) -> WriteOutcome {
        let mut outcome = WriteOutcome::default();
        let Some(mut failure) = self.failure.take_if(|failure| failure.retry_at <= now) else {
            return outcome;
        };
        if let (Some(torn), Ok(open)) = (failure.torn, self.opened(now))
            && torn != open.identity
        {
            // The first half of this line is in a file that is no longer ours.
            let rest = memchr(b'\n', &failure.kept).map_or(failure.kept.len(), |at| at + 1);
            outcome.lost += rest as u64;
            failure.kept.drain(..rest);
            failure.torn = None;
        }
        match self.write(&failure.kept, now) {
            Ok(_) => outcome.change = Some(Change::Recovered),
            Err((written, _)) => {
                outcome.lost += self.fail(&failure.kept, written, now);
                let wait = (failure.wait * 2).min(MAX_RETRY);
                if let Some(again) = &mut self.failure {
                    (again.wait, again.retry_at) = (wait, now + wait);
                    again.torn = again.torn.or(failure.torn);
                }
            }
        }
        outcome
    }

    /// Remembers what is left of these bytes; returns how many are too many for that.
    fn fail(&mut self, bytes: &[u8], written: usize, now: Instant) -> u64 {
        let (before, rest) = bytes.split_at(written);
        let is_torn = before.last().is_some_and(|b| *b != b'\n');
        let identity = self.open.take().map(|open| open.identity);
        let mut failure = Failure {
            retry_at: now + FIRST_RETRY,
            wait: FIRST_RETRY,
            kept: Vec::new(),
            torn: identity.filter(|_| is_torn),
        };
        let lost = failure.keep(rest);
        self.failure = Some(failure);
        lost
    }

    /// Writes all of it, into as many files as it needs. An error says how much was written.
    fn write(&mut self, bytes: &[u8], now: Instant) -> Result<Option<Change>, Torn> {
        let (mut written, mut change) = (0, None);
        self.look(now);
        self.opened(now).map_err(|error| (0, error))?;
        while written < bytes.len() {
            let rest = &bytes[written..];
            let (limits, is_stuck) =
                (self.limits, self.unrotated.is_some_and(|at| now < at + MAX_RETRY));
            let open = self.opened(now).map_err(|error| (written, error))?;
            let part = if is_stuck { rest.len() } else { open.fitting(rest, limits.max_size) };
            if part == 0 {
                change = self.rotate(now).or(change);
                continue;
            }
            open.put(&rest[..part]).map_err(|(n, error)| (written + n, error))?;
            written += part;
        }
        Ok(change)
    }

    /// Closes the file if its path leads elsewhere by now, and learns what others wrote to it.
    fn look(&mut self, now: Instant) {
        let is_due = |open: &OpenLog| now.saturating_duration_since(open.looked) >= CHECK_INTERVAL;
        if self.open.as_ref().is_some_and(is_due) {
            self.look_now(now);
        }
    }

    fn look_now(&mut self, now: Instant) {
        let found = fs::symlink_metadata(&self.path).ok();
        self.open = self.open.take().and_then(|mut open| {
            let found = found.filter(|found| (found.dev(), found.ino()) == open.identity)?;
            if found.len() != open.size {
                (open.size, open.at_line_start) =
                    (found.len(), ends_a_line(&open.file, found.len()));
            }
            open.looked = now;
            Some(open)
        });
    }

    fn opened(&mut self, now: Instant) -> io::Result<&mut OpenLog> {
        if self.open.is_none() {
            self.open = Some(OpenLog::open(&self.path, now)?);
        }
        Ok(self.open.as_mut().expect("it was opened above"))
    }

    /// Moves the file aside, so that the next bytes begin a new one.
    fn rotate(&mut self, now: Instant) -> Option<Change> {
        self.look_now(now);
        self.open.as_ref()?;
        match shift(&self.path, self.limits.keep) {
            Ok(()) => {
                self.open = None;
                self.unrotated.take().map(|_| Change::Recovered)
            }
            Err(error) => {
                let is_new = self.unrotated.replace(now).is_none();
                is_new.then(|| Change::Unrotated(reason(&error)))
            }
        }
    }
}

impl Failure {
    /// Keeps these bytes for later if there is room; returns how many are lost.
    fn keep(&mut self, bytes: &[u8]) -> u64 {
        let room = MAX_KEPT - self.kept.len();
        let part = if bytes.len() <= room {
            bytes.len()
        } else {
            memrchr(b'\n', &bytes[..room]).map_or(0, |at| at + 1)
        };
        self.kept.extend_from_slice(&bytes[..part]);
        (bytes.len() - part) as u64
    }
}

/// The error without the number that the library appends, as the end of a sentence.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests;
