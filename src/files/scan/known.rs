//! What is remembered of the files from one look to the next.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    ABSENCE,
    pass::{Pass, Presence},
};
use crate::{
    discovery::{Analysis, Barrier, Content, Entry, Rules, analyse, fingerprint},
    files::{RetryDelay, file_id::FileId, read::ReadError},
};

/// What is remembered of a file.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) entry: Entry,
    /// By what an unchanged file is known; `None` asks for another reading.
    pub(super) file_id: Option<FileId>,
    /// The folder that the file is truly in, where links lead to another one.
    pub(super) home: Option<PathBuf>,
    /// Whether its path is its one name, so that events tell of all its changes by it.
    pub(super) is_plain: bool,
    /// Whether it may be a worker, as far as its path says; else it is a helper.
    pub(super) is_root: bool,
    /// Whether the analysis is by other rules than those in force.
    pub(super) is_outdated: bool,
    /// Since when the file is not to be read yet.
    hold: Option<RetryDelay>,
    /// Since when the file is gone.
    pub(super) gone: Option<Instant>,
}

impl Known {
    fn new(entry: Entry, is_root: bool) -> Self {
        Self {
            entry,
            file_id: None,
            home: None,
            is_plain: false,
            is_root,
            is_outdated: false,
            hold: None,
            gone: None,
        }
    }

    /// Asks for another reading, since the rules have changed.
    pub(super) fn outdate(&mut self, rules: &Rules, path: &Path) {
        self.file_id = None;
        self.is_outdated = self.entry.analysis().is_some();
        self.is_root = rules.is_eligible(path);
    }

    /// Whether nothing is to be found out of it, as long as nobody says that it changed.
    pub(super) fn is_settled(&self) -> bool {
        self.is_plain && self.file_id.is_some() && self.gone.is_none()
    }

    pub(super) fn analysis(&self) -> Option<&Arc<Analysis>> {
        self.entry.analysis().filter(|_| !self.is_outdated)
    }
}

impl Pass<'_> {
    /// What the content says; as before, if it is the same.
    pub(super) fn analysis_of(&self, path: &Path, content: &[u8]) -> Arc<Analysis> {
        let before = self.known.get(path).and_then(Known::analysis);
        before
            .filter(|before| before.fingerprint == fingerprint(content))
            .cloned()
            .unwrap_or_else(|| Arc::new(analyse(self.rules, path, content)))
    }

    /// Nothing is at the path. What was known stays for a while.
    pub(super) fn miss(&mut self, path: &Path) -> Presence {
        let Some(known) = self.known.get_mut(path) else {
            return Presence::Absent;
        };
        if known.entry.analysis().is_none() {
            return Presence::Absent;
        }
        let gone = *known.gone.get_or_insert(self.now);
        let left = ABSENCE.saturating_sub(self.now.saturating_duration_since(gone));
        if left.is_zero() {
            return Presence::Absent;
        }
        self.wake_in(left);
        Presence::Present
    }

    /// A program writes to the file. What was known of it holds until that is done.
    pub(super) fn hold(&mut self, path: &Path) -> Presence {
        let is_root = self.rules.is_eligible(path);
        let known = self.known.entry(path.to_path_buf());
        let known = known.or_insert_with(|| Known::new(Entry::new(Content::Held), is_root));
        known.file_id = None;
        known.gone = None;
        if let Content::Rejected(_) = known.entry.content {
            known.entry = Entry::new(Content::Held);
        }
        let now = self.now;
        let retry_delay = known.hold.get_or_insert_with(|| RetryDelay::new(now));
        retry_delay.go_on(now);
        let left = retry_delay.remaining(now);
        self.wake_in(left);
        Presence::Present
    }

    pub(super) fn refuse(&mut self, path: &Path, error: ReadError) -> Presence {
        let reason = error.to_string();
        match error {
            ReadError::TooLarge { .. } | ReadError::NotRegular(_) => {
                self.remember(path, rejected(&reason), None)
            }
            ReadError::Io(_) => self.bar(path, Barrier::Unreadable(reason)),
        }
    }

    pub(super) fn bar(&mut self, path: &Path, barrier: Barrier) -> Presence {
        let before = self.known.get(path).and_then(Known::analysis).cloned();
        let entry = Entry::new(Content::Untrusted { barrier, before });
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
        self.known.insert(path.to_path_buf(), known);
        Presence::Present
    }

    fn wake_in(&mut self, left: Duration) {
        self.wake = Some(self.wake.map_or(left, |wake| wake.min(left)));
    }
}

pub(super) fn rejected(reason: &str) -> Entry {
    Entry::new(Content::Rejected(reason.to_owned()))
}

/// What is to be said of a file's owner.
pub(super) fn owner_warning(file_id: &FileId) -> Option<String> {
    let owner = file_id.owner;
    let is_trusted = owner == 0 || owner == rustix::process::geteuid().as_raw();
    (!is_trusted).then(|| {
        format!("it is owned by user {owner}, who is neither root nor the user of arcanos")
    })
}
