//! Recall: reads lines that the history no longer has back from the session log.
//!
//! Read from the end, within bounds, from the log and the one rotated last. A text log does not
//! say from which stream a line came, so it has nothing for those who ask for one.

use std::{
    borrow::Cow,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use memchr::memrchr;
use rustix::fs::{Mode, OFlags};
use serde::Deserialize;

use crate::{
    domain::{Stamp, WorkerId},
    text::{Redactor, shown},
};

use super::{
    history::Scope,
    line::{ARCANOS, LogLine, Stream},
    query::TailQuery,
};

/// Bytes that are read in all, at most, while arcanos runs: the latest lines are in memory, and
/// whoever asks waits.
pub(super) const MAX_READ: u64 = 1024 * 1024;

/// Rotated files that are read while arcanos runs.
pub(super) const ROTATED_READ: u32 = 1;

/// Bytes that are read first: enough for the usual fifty lines.
const FIRST_READ: u64 = 64 * 1024;

/// Which lines are wanted.
#[derive(Clone, Debug)]
pub(super) struct Recall {
    /// The session log.
    pub(super) session: PathBuf,
    /// Whose lines.
    pub(super) scope: Scope,
    /// How many, from where, since when.
    pub(super) query: TailQuery,
    /// Only lines from before this moment: the later ones are in memory.
    pub(super) before: Option<Stamp>,
    /// Bytes of a line that are shown.
    pub(super) max_line: usize,
    /// Takes the secrets out of what workers appended themselves.
    pub(super) redactor: Arc<Redactor>,
    /// Bytes that are read in all, at most.
    pub(super) max_read: u64,
    /// How many rotated files are read beside the log.
    pub(super) rotated: u32,
}

impl Recall {
    /// The lines, oldest first; those that cannot be read are none.
    pub(super) fn lines(&self) -> Vec<LogLine> {
        let mut lines = Vec::new();
        let mut left = self.max_read;
        for path in files(&self.session, self.rotated) {
            let missing = self.query.lines - lines.len();
            let Ok((found, read)) = self.lines_of(&path, missing, left) else {
                continue;
            };
            lines.splice(0..0, found);
            left -= read;
            if left == 0 || lines.len() == self.query.lines {
                break;
            }
        }
        lines
    }

    /// At most so many lines of the file's last bytes, and how many bytes that took.
    fn lines_of(&self, path: &Path, most: usize, left: u64) -> io::Result<(Vec<LogLine>, u64)> {
        let (file, length) = open(path)?;
        let mut size = FIRST_READ.min(left);
        loop {
            let start = length.saturating_sub(size);
            let bytes = read_from(&file, start, length)?;
            let lines = self.pick(whole_lines(&bytes, start), most);
            if lines.len() == most || start == 0 || size == left {
                return Ok((lines, bytes.len() as u64));
            }
            size = left;
        }
    }

    /// The last lines that are wanted, oldest first.
    fn pick(&self, bytes: &[u8], most: usize) -> Vec<LogLine> {
        let mut lines = Vec::new();
        let mut rest = bytes;
        while lines.len() < most
            && let Some(end) = memrchr(b'\n', rest)
        {
            let start = memrchr(b'\n', &rest[..end]).map_or(0, |at| at + 1);
            lines.extend(self.read(&rest[start..end]));
            rest = &rest[..start];
        }
        lines.reverse();
        lines
    }

    fn read(&self, line: &[u8]) -> Option<LogLine> {
        let line =
            if line.starts_with(b"{") { self.read_json(line) } else { self.read_text(line) }?;
        let is_old = self.before.is_none_or(|before| line.at < before);
        let is_new = self.query.since.is_none_or(|since| line.at >= since);
        let is_wanted = match line.stream {
            Some(stream) => stream.is_wanted(self.query.stream),
            None => self.query.stream.is_none(),
        };
        (is_old && is_new && is_wanted).then_some(line)
    }

    fn read_text(&self, line: &[u8]) -> Option<LogLine> {
        let rest = line.strip_prefix(b"[")?;
        let (at, rest) = split(rest, b"] [")?;
        let (label, text) = split(rest, b"] ")?;
        let worker = self.worker(std::str::from_utf8(label).ok()?)?;
        let text = self.shown(text);
        Some(LogLine {
            at: stamp(std::str::from_utf8(at).ok()?)?,
            worker,
            stream: None,
            run: None,
            text,
        })
    }

    fn read_json(&self, line: &[u8]) -> Option<LogLine> {
        let line: Json<'_> = serde_json::from_slice(line).ok()?;
        let worker = self.worker(&line.worker)?;
        let stream = match line.kind.as_ref() {
            "output" => line.stream.as_deref()?.parse().ok()?,
            "activity" => Stream::Activity,
            _ => Stream::Lifecycle,
        };
        let text = self.shown(line.message.as_bytes());
        Some(LogLine { at: stamp(&line.ts)?, worker, stream: Some(stream), run: None, text })
    }

    /// Redacted and cut when it was written, but for lines that workers appended themselves.
    fn shown(&self, text: &[u8]) -> String {
        shown(&self.redactor.redact(text), self.max_line.saturating_add(64))
    }

    /// The worker of this name, if its lines are wanted; `Some(None)` is arcanos itself.
    fn worker(&self, label: &str) -> Option<Option<WorkerId>> {
        match &self.scope {
            Some(id) => (id.as_str() == label).then(|| Some(id.clone())),
            None if label == ARCANOS => Some(None),
            None => WorkerId::parse_log_name(label).ok().map(Some),
        }
    }
}

#[derive(Deserialize)]
struct Json<'a> {
    #[serde(borrow)]
    ts: Cow<'a, str>,
    #[serde(borrow)]
    worker: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    stream: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// A log and its rotated files, the newest first.
pub(super) fn files(log: &Path, rotated: u32) -> impl Iterator<Item = PathBuf> {
    let older = (1..=rotated).map(|n| {
        let mut name = log.as_os_str().to_owned();
        name.push(format!(".{n}"));
        name.into()
    });
    std::iter::once(log.to_owned()).chain(older)
}

/// Opens a regular file, and says how long it is.
pub(super) fn open(path: &Path) -> io::Result<(File, u64)> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let found = file.metadata()?;
    match found.is_file() {
        true => Ok((file, found.len())),
        false => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// The bytes of a file from `start` to `end`.
pub(super) fn read_from(file: &File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(0)];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes)
}

/// The bytes without a first line that began before them.
pub(super) fn whole_lines(bytes: &[u8], start: u64) -> &[u8] {
    if start == 0 {
        return bytes;
    }
    let first = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
    &bytes[first..]
}

fn split<'a>(bytes: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::find(bytes, by)?;
    Some((&bytes[..at], &bytes[at + by.len()..]))
}

fn stamp(text: &str) -> Option<Stamp> {
    text.parse().ok().map(Stamp)
}
