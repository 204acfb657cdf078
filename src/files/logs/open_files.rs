//! The log files of the workers; at most 256 of them are open at once.

use std::{
    collections::HashMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::domain::WorkerId;

use super::{
    log_file::{LogFile, WriteOutcome},
    rotate::Limits,
};

/// The most files open at once; each takes a descriptor, and opening one again costs microseconds.
const MAX_OPEN: usize = 256;

/// A file that nothing was written to for so long is closed.
pub(super) const CLOSE_AFTER: Duration = Duration::from_secs(3);

/// The workers' files.
#[derive(Debug)]
pub(super) struct OpenFiles {
    folder: PathBuf,
    limits: Limits,
    files: HashMap<WorkerId, Entry>,
    n_open: usize,
}

#[derive(Debug)]
struct Entry {
    log: LogFile,
    used: Instant,
}

impl OpenFiles {
    pub(super) fn new(folder: PathBuf, limits: Limits) -> Self {
        Self { folder, limits, files: HashMap::new(), n_open: 0 }
    }

    /// Appends to this worker's file.
    pub(super) fn append(
        &mut self,
        id: &WorkerId,
        bytes: &[u8],
        now: Instant,
    ) -> (&LogFile, WriteOutcome) {
        if !self.files.get(id).is_some_and(|entry| entry.log.is_open()) {
            self.make_room();
        }
        let entry = self.files.entry(id.clone()).or_insert_with(|| Entry {
            log: LogFile::new(self.folder.join(format!("{id}.log")), self.limits),
            used: now,
        });
        let was_open = entry.log.is_open();
        let outcome = entry.log.append(bytes, now);
        entry.used = now;
        self.n_open = self.n_open + usize::from(entry.log.is_open()) - usize::from(was_open);
        (&entry.log, outcome)
    }

    /// Closes what has been idle and tries again what failed; passes each result to `report`.
    pub(super) fn maintain(
        &mut self,
        now: Instant,
        mut report: impl FnMut(&WorkerId, &LogFile, WriteOutcome),
    ) {
        for (id, entry) in &mut self.files {
            if entry.log.retry_at().is_some_and(|at| at <= now) {
                let outcome = entry.log.retry(now);
                report(id, &entry.log, outcome);
            }
        }
        self.files.retain(|_, entry| {
            if entry.used + CLOSE_AFTER <= now {
                entry.log.close();
            }
            // What is wrong with it must be remembered until it is mended.
            entry.log.is_open() || !entry.log.is_well()
        });
        self.n_open = self.files.values().filter(|entry| entry.log.is_open()).count();
    }

    /// When maintenance is due next; `None` if there is nothing to maintain.
    pub(super) fn next_maintenance(&self) -> Option<Instant> {
        let idle_at = |entry: &Entry| entry.log.is_open().then(|| entry.used + CLOSE_AFTER);
        self.files.values().filter_map(|e| e.log.retry_at().or_else(|| idle_at(e))).min()
    }

    /// Lets go of this worker's file, whatever it is waiting for; returns its path if it was known.
    pub(super) fn forget(&mut self, id: &WorkerId) -> Option<PathBuf> {
        let entry = self.files.remove(id)?;
        self.n_open -= usize::from(entry.log.is_open());
        Some(entry.log.path().to_owned())
    }

    /// Closes all files; they are opened again with the next bytes.
    pub(super) fn reopen(&mut self) {
        self.files.values_mut().for_each(|entry| entry.log.close());
        self.n_open = 0;
    }

    /// Other limits, or another folder: files in the old one are let go, their paths returned.
    pub(super) fn configure(&mut self, folder: PathBuf, limits: Limits) -> Vec<PathBuf> {
        self.limits = limits;
        self.files.values_mut().for_each(|entry| entry.log.set_limits(limits));
        if folder == self.folder {
            return Vec::new();
        }
        self.folder = folder;
        self.n_open = 0;
        self.files.drain().map(|(_, entry)| entry.log.path().to_owned()).collect()
    }

    /// Closes the file that was not used for longest if there are too many.
    fn make_room(&mut self) {
        if self.n_open < MAX_OPEN {
            return;
        }
        let open = self.files.values_mut().filter(|entry| entry.log.is_open());
        if let Some(oldest) = open.min_by_key(|entry| entry.used) {
            oldest.log.close();
            self.n_open -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn id(n: usize) -> WorkerId {
        WorkerId::parse(&format!("w{n}")).expect("a good id")
    }

    fn files(folder: &tempfile::TempDir) -> OpenFiles {
        OpenFiles::new(folder.path().to_owned(), Limits { max_size: 1000, keep: 1 })
    }

    #[test]
    fn there_are_never_too_many_open() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (mut files, now) = (files(&folder), Instant::now());
        for n in (0..2 * MAX_OPEN).chain(0..MAX_OPEN) {
            files.append(&id(n), b"x\n", now + Duration::from_millis(n as u64));
            let n_open = files.files.values().filter(|entry| entry.log.is_open()).count();
            assert!(n_open <= MAX_OPEN && n_open == files.n_open, "{n_open} of {}", files.n_open);
        }
        let text = |n| fs::read_to_string(folder.path().join(format!("w{n}.log")));
        assert_eq!(text(0).ok().as_deref(), Some("x\nx\n"));
        assert_eq!(text(2 * MAX_OPEN - 1).ok().as_deref(), Some("x\n"));
    }

    #[test]
    fn what_is_idle_is_closed_and_what_is_broken_remembered() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (mut files, now) = (files(&folder), Instant::now());
        fs::create_dir(folder.path().join("w2.log")).expect("a folder in its place");
        files.append(&id(1), b"x\n", now);
        files.append(&id(2), b"x\n", now);
        assert!(
            files.next_maintenance() < Some(now + CLOSE_AFTER),
            "the broken one is tried sooner"
        );
        files.maintain(now + CLOSE_AFTER, |_, _, _| {});
        assert_eq!((files.n_open, files.files.len()), (0, 1));
        fs::remove_dir(folder.path().join("w2.log")).expect("to remove it");
        let mut closed = Vec::new();
        files.maintain(now + 2 * CLOSE_AFTER, |id, _, _| closed.push(id.clone()));
        assert_eq!(closed, [id(2)]);
        files.maintain(now + 3 * CLOSE_AFTER, |_, _, _| {});
        assert_eq!((files.next_maintenance(), files.files.len()), (None, 0));
    }
}
