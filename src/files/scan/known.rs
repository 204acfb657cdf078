//! The cache of what scans learned about each file.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    discovery::{Analysis, Content, Distrust, Entry, Rules, analyse, fingerprint},
    files::{RetryDelay, file_id::FileId, read::ReadError},
};

/// A file counts as removed once it has been gone for so long. A save by rename, or by deletion
/// and creation, is done sooner.
pub(crate) const REMOVED_AFTER: Duration = Duration::from_millis(300);

/// What is remembered of a file.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) entry: Entry,
    /// As long as this is equal, so is the content; `None` asks for another reading.
    pub(super) file_id: Option<FileId>,
    /// The folder that the file is truly in, where links lead to another one.
    pub(super) real_folder: Option<PathBuf>,
    /// Whether its path is its only name, so that events report all of its changes by it.
    pub(super) has_one_path: bool,
    /// Whether it may be a worker, as far as its path says; else it is a helper.
    pub(super) is_root: bool,
    /// Whether the analysis is by other rules than those in force.
    pub(super) is_outdated: bool,
    /// When it is read again, while a program writes to it.
    retry_delay: Option<RetryDelay>,
    /// Since when the file is gone.
    pub(super) gone_since: Option<Instant>,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// Something to be listed; it is remembered.
    Present,
    Absent,
    Folder,
}

impl Known {
    fn new(entry: Entry, is_root: bool) -> Self {
        Self {
            entry,
            file_id: None,
            real_folder: None,
            has_one_path: false,
            is_root,
            is_outdated: false,
            retry_delay: None,
            gone_since: None,
        }
    }

    /// Asks for another reading, since the rules have changed.
    pub(super) fn outdate(&mut self, rules: &Rules, path: &Path) {
        self.file_id = None;
        self.is_outdated = self.entry.analysis().is_some();
        self.is_root = rules.is_eligible(path);
    }

    /// Whether it need not be looked at, as long as no event names it.
    pub(super) fn is_settled(&self) -> bool {
        self.has_one_path && self.file_id.is_some() && self.gone_since.is_none()
    }

    pub(super) fn analysis(&self) -> Option<&Arc<Analysis>> {
        self.entry.analysis().filter(|_| !self.is_outdated)
    }
}

/// What is remembered of all files, as one scan changes it.
pub(super) struct Memory<'a> {
    pub(super) files: &'a mut HashMap<PathBuf, Known>,
    pub(super) rules: &'a Rules,
    /// The moment of the scan.
    pub(super) now: Instant,
    /// How long to wait for the next scan, if something is not settled.
    pub(super) wake: Option<Duration>,
}

impl Memory<'_> {
    /// The analysis of a content; the one before, if the content is the same.
    pub(super) fn analysis_of(&self, path: &Path, content: &[u8]) -> Arc<Analysis> {
        let before = self.files.get(path).and_then(Known::analysis);
        before
            .filter(|before| before.fingerprint == fingerprint(content))
            .cloned()
            .unwrap_or_else(|| Arc::new(analyse(self.rules, path, content)))
    }

    /// Nothing is at the path. A file that was read before stays listed for [`REMOVED_AFTER`]:
    /// many programs save by moving the old file away before the new one is in place.
    pub(super) fn miss(&mut self, path: &Path) -> Presence {
        let Some(known) = self.files.get_mut(path) else {
            return Presence::Absent;
        };
        if known.entry.analysis().is_none() {
            return Presence::Absent;
        }
        let gone_since = *known.gone_since.get_or_insert(self.now);
        let left = REMOVED_AFTER.saturating_sub(self.now.saturating_duration_since(gone_since));
        if left.is_zero() {
            return Presence::Absent;
        }
        self.wake_in(left);
        Presence::Present
    }

    /// A program writes to the file. What was known of it holds until that is done.
    pub(super) fn hold(&mut self, path: &Path) -> Presence {
        let is_root = self.rules.is_eligible(path);
        let known = self.files.entry(path.to_path_buf());
        let known = known.or_insert_with(|| Known::new(Entry::new(Content::Held), is_root));
        known.file_id = None;
        known.gone_since = None;
        // The reason for a rejection may be what the program is about to change.
        if let Content::Rejected(_) = known.entry.content {
            known.entry = Entry::new(Content::Held);
        }
        let now = self.now;
        let retry_delay = known.retry_delay.get_or_insert_with(|| RetryDelay::new(now));
        retry_delay.go_on(now);
        let left = retry_delay.remaining(now);
        self.wake_in(left);
        Presence::Present
    }

    /// The file cannot be read, or is nothing that is read.
    pub(super) fn refuse(&mut self, path: &Path, error: ReadError) -> Presence {
        let reason = error.to_string();
        match error {
            ReadError::TooLarge { .. } | ReadError::NotRegular(_) => {
                self.remember(path, rejected(&reason), None)
            }
            ReadError::Io(_) => self.distrust(path, Distrust::Unreadable(reason)),
        }
    }

    /// Nothing new is taken from the file; what was known of it before keeps its runs going.
    pub(super) fn distrust(&mut self, path: &Path, reason: Distrust) -> Presence {
        let before = self.files.get(path).and_then(Known::analysis).cloned();
        let entry = Entry::new(Content::Untrusted { reason, before });
        self.remember(path, entry, None)
    }

    pub(super) fn remember(
        &mut self,
        path: &Path,
        entry: Entry,
        file_id: Option<FileId>,
    ) -> Presence {
        let is_root = self.rules.is_eligible(path);
        let known = Known { file_id, ..Known::new(entry, is_root) };
        self.files.insert(path.to_path_buf(), known);
        Presence::Present
    }

    fn wake_in(&mut self, left: Duration) {
        self.wake = Some(self.wake.map_or(left, |wake| wake.min(left)));
    }
}

pub(super) fn rejected(reason: &str) -> Entry {
    Entry::new(Content::Rejected(reason.to_owned()))
}

/// A warning about a file of a user who is neither root nor ours.
pub(super) fn owner_warning(file_id: &FileId) -> Option<String> {
    let owner = file_id.owner;
    let is_trusted = owner == 0 || owner == rustix::process::geteuid().as_raw();
    (!is_trusted).then(|| {
        format!("it is owned by user {owner}, who is neither root nor the user of arcanos")
    })
}
