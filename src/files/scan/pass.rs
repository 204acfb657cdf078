//! One look at the folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    ABSENCE, MAX_FILE, Scan, ScanError,
    list::{Kind, List, Name, is_open},
};
use crate::{
    discovery::{
        Analysis, Barrier, Content, Entry, Listing, Rules, analyse, fingerprint, local_paths,
        reach,
    },
    files::read::{Patience, ReadError, Reading, Stamp, check_regular, is_missing, read_stamped},
};

/// What is remembered of a file.
#[derive(Debug)]
pub(super) struct Known {
    entry: Entry,
    /// By what an unchanged file is known; `None` asks for another reading.
    stamp: Option<Stamp>,
    /// The folder that the file is truly in, where links lead to another one.
    home: Option<PathBuf>,
    /// Whether the analysis is by other rules than those in force.
    is_outdated: bool,
    /// Since when the file is not to be read yet.
    hold: Option<Patience>,
    /// Since when the file is gone.
    gone: Option<Instant>,
}

impl Known {
    /// Asks for another reading, since the rules have changed.
    pub(super) fn outdate(&mut self) {
        self.stamp = None;
        self.is_outdated = self.entry.analysis().is_some();
    }

    fn analysis(&self) -> Option<&Arc<Analysis>> {
        self.entry.analysis().filter(|_| !self.is_outdated)
    }
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Something to be listed; it is in `known`.
    Present,
    Absent,
    Folder,
}

pub(super) struct Pass<'a> {
    known: &'a mut BTreeMap<PathBuf, Known>,
    rules: &'a Rules,
    directory: &'a Path,
    canonical: PathBuf,
    now: Instant,
    looks: BTreeMap<PathBuf, Look>,
    /// Folders that were asked whether anyone may write to them.
    open_folders: BTreeMap<PathBuf, bool>,
    folders: BTreeSet<PathBuf>,
    wake: Option<Duration>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        known: &'a mut BTreeMap<PathBuf, Known>,
        rules: &'a Rules,
        (directory, now): (&'a Path, Instant),
    ) -> Self {
        Self {
            known,
            rules,
            directory,
            canonical: PathBuf::new(),
            now,
            looks: BTreeMap::new(),
            open_folders: BTreeMap::new(),
            folders: BTreeSet::from([directory.to_path_buf()]),
            wake: None,
        }
    }

    pub(super) fn run(mut self, list: List) -> Result<Scan, ScanError> {
        let mut files = BTreeMap::new();
        self.canonical.clone_from(&list.canonical);
        self.folders.insert(list.canonical);
        for folder in &list.entered {
            self.folders.insert(self.directory.join(folder));
        }
        for (folder, fault) in list.unreadable {
            self.keep_all_in(&folder);
            let reason = format!("the folder cannot be read: {fault}");
            files.insert(folder, Entry::new(Content::Rejected(reason)));
        }
        for name in &list.names {
            if let Some(entry) = self.look_at_name(name) {
                files.insert(name.path.clone(), entry);
            }
        }
        self.look_for_the_gone();
        self.follow_imports();
        self.known
            .retain(|path, _| self.looks.get(path) == Some(&Look::Present));
        if let Some((file, _)) = self.known.iter().find(|(_, known)| known.is_outdated) {
            return Err(ScanError::Busy(file.clone()));
        }
        for (path, known) in self.known.iter() {
            files.insert(path.clone(), known.entry.clone());
            self.folders.extend(known.home.clone());
        }
        Ok(Scan {
            listing: Listing {
                directory: self.directory.to_path_buf(),
                files,
            },
            pending: self.wake.is_some(),
            wake: self.wake,
            folders: self.folders,
        })
    }

    /// Looks at a name of the folder; gives an entry where nothing is to be remembered.
    fn look_at_name(&mut self, name: &Name) -> Option<Entry> {
        let is_eligible = self.rules.is_eligible(&name.path);
        match name.kind {
            Kind::Folder if is_eligible => Some(rejected("it is a folder, not a regular file")),
            Kind::Folder => None,
            Kind::Link | Kind::Other if !is_eligible => Some(Entry::new(Content::Unread)),
            Kind::Link | Kind::Other => match self.look(&name.path) {
                Look::Present => None,
                Look::Folder => Some(rejected("it leads to a folder, not a regular file")),
                Look::Absent if name.kind == Kind::Link => {
                    Some(rejected("the link leads to nothing"))
                }
                Look::Absent => None,
            },
        }
    }

    /// Files that were there and are listed no more.
    fn look_for_the_gone(&mut self) {
        let eligible = self.known.keys().filter(|path| self.rules.is_eligible(path));
        let unseen: Vec<PathBuf> = eligible
            .filter(|path| !self.looks.contains_key(*path))
            .cloned()
            .collect();
        for path in unseen {
            self.look(&path);
        }
    }

    /// Looks at all that the files import that may be workers.
    fn follow_imports(&mut self) {
        let roots = self.known.keys().filter(|path| self.rules.is_eligible(path));
        let roots: Vec<PathBuf> = roots.cloned().collect();
        for root in roots {
            reach(&root, |file| self.imports(file));
        }
    }

    fn imports(&mut self, file: &Path) -> Vec<PathBuf> {
        let Some(analysis) = self.known.get(file).and_then(Known::analysis).cloned() else {
            return Vec::new();
        };
        let locals = analysis.locals.iter();
        locals
            .filter_map(|local| {
                let mut paths = local_paths(file, &local.specifier).into_iter();
                paths.find(|path| self.look(path) == Look::Present)
            })
            .collect()
    }

    /// Looks at a path, once in a pass.
    fn look(&mut self, path: &Path) -> Look {
        if let Some(look) = self.looks.get(path) {
            return *look;
        }
        if let Some(folder) = path.parent() {
            self.folders.insert(self.directory.join(folder));
        }
        let look = self.look_anew(path);
        self.looks.insert(path.to_path_buf(), look);
        look
    }

    fn look_anew(&mut self, path: &Path) -> Look {
        let full = self.directory.join(path);
        let metadata = match fs::metadata(&full) {
            Ok(metadata) => metadata,
            Err(error) if is_missing(&error) => return self.miss(path),
            Err(error) => return self.refuse(path, ReadError::Io(error)),
        };
        if metadata.is_dir() {
            return match self.miss(path) {
                Look::Absent => Look::Folder,
                look => look,
            };
        }
        if let Err(error) = check_regular(&metadata) {
            return self.refuse(path, error);
        }
        let stamp = Stamp::of(&metadata);
        if let Some(known) = self.known.get_mut(path).filter(|k| k.stamp == Some(stamp)) {
            known.gone = None;
            // A folder above it may have been opened to anyone since.
            if self.open_place(path, &stamp).is_none() {
                return Look::Present;
            }
        }
        self.read(path, &full, stamp)
    }

    /// Reads a file that is new or has changed.
    fn read(&mut self, path: &Path, full: &Path, stamp: Stamp) -> Look {
        let home = match fs::canonicalize(full) {
            Ok(real) if !real.starts_with(&self.canonical) => {
                let reason = format!("the link ends outside the folder, at `{}`", real.display());
                return self.remember(path, rejected(&reason), Some(stamp));
            }
            Ok(real) => real.parent().map(Path::to_path_buf),
            Err(error) if is_missing(&error) => return self.miss(path),
            Err(error) => return self.refuse(path, ReadError::Io(error)),
        };
        if let Some(reason) = self.open_place(path, &stamp) {
            return self.bar(path, Barrier::Open(reason));
        }
        match read_stamped(full, MAX_FILE) {
            Ok(Reading::Content(content, stamp)) => {
                let mut entry = Entry::new(Content::Analysed(self.analysis(path, &content)));
                entry.warnings.extend(owner_warning(&stamp));
                // A change within the clock's grain would bear the same time, so a file that has
                // just changed is read once more at the next look.
                let look = self.remember(path, entry, stamp.is_quiet().then_some(stamp));
                if let Some(known) = self.known.get_mut(path) {
                    known.home = home.filter(|home| Some(home.as_path()) != full.parent());
                }
                look
            }
            Ok(Reading::Held) => self.hold(path),
            Ok(Reading::Missing) => self.miss(path),
            Err(error) => self.refuse(path, error),
        }
    }

    /// What the content says; as before, if it is the same.
    fn analysis(&self, path: &Path, content: &[u8]) -> Arc<Analysis> {
        let before = self.known.get(path).and_then(Known::analysis);
        before
            .filter(|before| before.fingerprint == fingerprint(content))
            .cloned()
            .unwrap_or_else(|| Arc::new(analyse(self.rules, path, content)))
    }

    /// Why anyone may write to a file, if that is so.
    fn open_place(&mut self, path: &Path, stamp: &Stamp) -> Option<String> {
        let directory = self.directory;
        if is_open(|| directory.join(path), stamp.mode) {
            let mode = stamp.mode & 0o7777;
            return Some(format!(
                "anyone may write to it (mode {mode:o}); run `chmod o-w {}`",
                directory.join(path).display()
            ));
        }
        let mut folders = path.ancestors().skip(1);
        folders.find_map(|folder| {
            if folder.as_os_str().is_empty() {
                return None;
            }
            let full = || directory.join(folder);
            let ask = || fs::metadata(full()).is_ok_and(|m| is_open(full, m.mode()));
            let known = self.open_folders.get(folder).copied();
            let is_open = known.unwrap_or_else(ask);
            self.open_folders.insert(folder.to_path_buf(), is_open);
            is_open.then(|| {
                let folder = folder.display();
                format!("anyone may write to its folder `{folder}`; run `chmod o-w` on that")
            })
        })
    }

    /// Nothing is at the path. What was known stays for a while.
    fn miss(&mut self, path: &Path) -> Look {
        let Some(known) = self.known.get_mut(path) else {
            return Look::Absent;
        };
        if known.entry.analysis().is_none() {
            return Look::Absent;
        }
        let gone = *known.gone.get_or_insert(self.now);
        let left = ABSENCE.saturating_sub(self.now.saturating_duration_since(gone));
        if left.is_zero() {
            return Look::Absent;
        }
        self.wake_in(left);
        Look::Present
    }

    /// A program writes to the file. What was known of it holds until that is done.
    fn hold(&mut self, path: &Path) -> Look {
        let known = self.known.entry(path.to_path_buf());
        let known = known.or_insert_with(|| Known {
            entry: Entry::new(Content::Held),
            stamp: None,
            home: None,
            is_outdated: false,
            hold: None,
            gone: None,
        });
        known.stamp = None;
        known.gone = None;
        if let Content::Rejected(_) = known.entry.content {
            known.entry = Entry::new(Content::Held);
        }
        let now = self.now;
        let patience = known.hold.get_or_insert_with(|| Patience::new(now));
        patience.go_on(now);
        let left = patience.remaining(now);
        self.wake_in(left);
        Look::Present
    }

    fn refuse(&mut self, path: &Path, error: ReadError) -> Look {
        let reason = error.to_string();
        match error {
            ReadError::TooLarge { .. } | ReadError::NotRegular(_) => {
                self.remember(path, rejected(&reason), None)
            }
            ReadError::Io(_) => self.bar(path, Barrier::Unreadable(reason)),
        }
    }

    fn bar(&mut self, path: &Path, barrier: Barrier) -> Look {
        let before = self.known.get(path).and_then(Known::analysis).cloned();
        let entry = Entry::new(Content::Barred { barrier, before });
        self.remember(path, entry, None)
    }

    fn remember(&mut self, path: &Path, entry: Entry, stamp: Option<Stamp>) -> Look {
        let known = Known {
            entry,
            stamp,
            home: None,
            is_outdated: false,
            hold: None,
            gone: None,
        };
        self.known.insert(path.to_path_buf(), known);
        Look::Present
    }

    /// What is known in a folder that cannot be read is not gone.
    fn keep_all_in(&mut self, folder: &Path) {
        let inner = self.known.keys().filter(|path| path.starts_with(folder));
        let inner: Vec<PathBuf> = inner.cloned().collect();
        for path in inner {
            self.looks.insert(path, Look::Present);
        }
    }

    fn wake_in(&mut self, left: Duration) {
        self.wake = Some(self.wake.map_or(left, |wake| wake.min(left)));
    }
}

fn rejected(reason: &str) -> Entry {
    Entry::new(Content::Rejected(reason.to_owned()))
}

/// What is to be said of a file's owner.
fn owner_warning(stamp: &Stamp) -> Option<String> {
    let owner = stamp.owner;
    let is_trusted = owner == 0 || owner == rustix::process::geteuid().as_raw();
    (!is_trusted).then(|| {
        format!("it is owned by user {owner}, who is neither root nor the user of arcanos")
    })
}
