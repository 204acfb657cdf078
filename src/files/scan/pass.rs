//! One pass of the scanner: which files are there, which are read, what they import.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Instant,
};

use super::{
    known::{Known, Memory, Presence, owner_warning, rejected},
    list::{Kind, List, Name},
    outcome::{Scan, ScanError},
};
use crate::{
    discovery::{Content, Distrust, Entry, ImportRoots, Installed, Listing, Rules, is_beside},
    domain::os_text,
    files::{
        file_id::FileId,
        read::{ReadError, Reading, check_regular, is_missing, read_with_id},
        writable::{Others, anyone_may_write, others_in},
    },
};

/// Larger files are rejected, in bytes.
pub(super) const MAX_FILE: u64 = 1 << 20;

/// Which files a scan looks at.
#[derive(Debug)]
pub(super) enum Coverage {
    /// All of them.
    All,
    /// These, and those that are not settled.
    Only(Vec<PathBuf>),
}

/// One scan.
pub(super) struct Pass<'a> {
    pub(super) memory: Memory<'a>,
    pub(super) outermost: &'a Path,
    pub(super) directory: &'a Path,
    pub(super) import_roots: ImportRoots,
    /// The true path of the directory.
    canonical: PathBuf,
    /// What is at the paths that this scan has looked at.
    pub(super) presences: HashMap<PathBuf, Presence>,
    /// What is at the paths in `node_modules` that this scan has asked about.
    pub(super) packages: HashMap<PathBuf, Option<Installed>>,
    coverage: Coverage,
    /// What others may do in the folders that this scan has asked about.
    others_in_folders: BTreeMap<PathBuf, Others>,
    folders: BTreeSet<PathBuf>,
    is_fresh: bool,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        known: &'a mut HashMap<PathBuf, Known>,
        rules: &'a Rules,
        (outermost, directory): (&'a Path, &'a Path),
        now: Instant,
    ) -> Self {
        Self {
            memory: Memory { files: known, rules, now, wake: None },
            outermost,
            directory,
            import_roots: ImportRoots::new(outermost, directory),
            canonical: PathBuf::new(),
            presences: HashMap::new(),
            packages: HashMap::new(),
            coverage: Coverage::All,
            others_in_folders: BTreeMap::new(),
            folders: BTreeSet::from([directory.to_path_buf()]),
            is_fresh: false,
        }
    }

    /// Scans; returns, besides, the paths at which there was no file.
    pub(super) fn run(
        mut self,
        list: &List,
        coverage: Coverage,
    ) -> Result<(Scan, Vec<PathBuf>), ScanError> {
        let mut files = Vec::new();
        self.coverage = coverage;
        self.is_fresh = list.is_fresh();
        self.canonical.clone_from(&list.canonical);
        self.folders.insert(list.canonical.clone());
        for folder in &list.entered {
            self.folders.insert(self.directory.join(&folder.path));
        }
        for (folder, fault) in &list.unreadable {
            self.keep_all_in(folder);
            let reason = format!("the folder cannot be read: {fault}");
            files.push((folder.clone(), Entry::new(Content::Rejected(reason))));
        }
        for name in &list.names {
            if let Some(entry) = self.look_at_name(name) {
                files.push((name.path.clone(), entry));
            }
        }
        let declared: Vec<PathBuf> =
            self.memory.rules.declared_files().map(Path::to_path_buf).collect();
        for file in declared {
            self.look(&file);
        }
        self.miss_the_unlisted();
        // Only now is every possible root known, and each helper is looked at once.
        self.follow_imports();
        self.memory.files.retain(|path, _| self.presences.get(path) == Some(&Presence::Present));
        if let Some(file) = self.known_paths(|_, known| known.is_outdated).into_iter().next() {
            return Err(ScanError::Busy(file));
        }
        for (path, known) in self.memory.files.iter() {
            files.push((path.clone(), known.entry.clone()));
            self.folders.extend(known.real_folder.clone());
        }
        let absent = self.presences.iter().filter(|(_, presence)| **presence == Presence::Absent);
        let absent = absent.map(|(path, _)| path.clone()).collect();
        let scan = Scan {
            listing: Listing {
                directory: self.directory.to_path_buf(),
                import_roots: self.import_roots,
                packages: self.packages.into_iter().filter_map(|(p, i)| Some((p, i?))).collect(),
                // What is known is the last word on a path.
                files: files.into_iter().collect(),
            },
            pending: self.memory.wake.is_some(),
            wake: self.memory.wake,
            fresh: self.is_fresh,
            folders: self.folders,
        };
        Ok((scan, absent))
    }

    /// Looks at a name in the folder; returns an entry if there is nothing to remember of it.
    fn look_at_name(&mut self, name: &Name) -> Option<Entry> {
        let known = self.memory.files.get(&name.path).map(|known| known.is_root);
        let is_eligible = known.unwrap_or_else(|| self.memory.rules.is_eligible(&name.path));
        match name.kind {
            Kind::Folder if is_eligible => Some(rejected("it is a folder, not a regular file")),
            Kind::Folder => None,
            Kind::Link | Kind::Other if !is_eligible => Some(Entry::new(Content::Unread)),
            Kind::Link | Kind::Other => match self.look(&name.path) {
                Presence::Present => None,
                Presence::Folder => Some(rejected("it leads to a folder, not a regular file")),
                Presence::Absent if name.kind == Kind::Link => {
                    Some(rejected("the link leads to nothing"))
                }
                Presence::Absent => None,
            },
        }
    }

    /// Treats files that were in the list and are not any more as missing, without a stat(2): on an
    /// overlay file system, that goes on finding a file whose lower layer has lost it.
    fn miss_the_unlisted(&mut self) {
        let gone =
            |path: &PathBuf, known: &Known| known.is_root && !self.presences.contains_key(path);
        for path in self.known_paths(gone) {
            let presence = self.memory.miss(&path);
            self.presences.insert(path, presence);
        }
    }

    /// The known files that this holds of, in order.
    pub(super) fn known_paths(
        &self,
        is_of_kind: impl Fn(&PathBuf, &Known) -> bool,
    ) -> Vec<PathBuf> {
        let found = self.memory.files.iter().filter(|(path, known)| is_of_kind(path, known));
        let mut paths: Vec<PathBuf> = found.map(|(path, _)| path.clone()).collect();
        paths.sort_unstable();
        paths
    }

    /// Looks at a path, once in a scan: a helper that ten workers import costs one stat(2).
    pub(super) fn look(&mut self, path: &Path) -> Presence {
        if let Some(presence) = self.presences.get(path) {
            return *presence;
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            self.folders.insert(self.directory.join(folder));
        }
        let presence = self.look_at_disk(path);
        self.presences.insert(path.to_path_buf(), presence);
        presence
    }

    fn look_at_disk(&mut self, path: &Path) -> Presence {
        if self.is_left_alone(path) {
            return Presence::Present;
        }
        let full = self.directory.join(path);
        let metadata = match fs::metadata(&full) {
            Ok(metadata) => metadata,
            Err(error) if is_missing(&error) => return self.memory.miss(path),
            Err(error) => return self.memory.refuse(path, ReadError::Io(error)),
        };
        if metadata.is_dir() {
            return match self.memory.miss(path) {
                Presence::Absent => Presence::Folder,
                presence => presence,
            };
        }
        if let Err(error) = check_regular(&metadata) {
            return self.memory.refuse(path, error);
        }
        let file_id = FileId::of(&metadata);
        if let Some(known) = self.memory.files.get_mut(path).filter(|k| k.file_id == Some(file_id))
        {
            known.gone_since = None;
            // The file is as it was, but a folder above it may have been opened to anyone since.
            // Where that is accepted, the entry has the warning already, or gets it by a reading.
            let open = self.open_place(path, &file_id);
            let known = self.memory.files.get(path);
            if open.is_none_or(|open| known.is_some_and(|k| k.entry.warnings.contains(&open))) {
                return Presence::Present;
            }
        }
        self.read(path, &full, file_id)
    }

    /// Whether the file need not be looked at: no event named it, and an event would have.
    fn is_left_alone(&self, path: &Path) -> bool {
        match &self.coverage {
            Coverage::All => false,
            Coverage::Only(paths) => {
                self.memory.files.get(path).is_some_and(Known::is_settled)
                    && !paths.iter().any(|named| named == path)
            }
        }
    }

    /// Reads a file that is new or has changed.
    fn read(&mut self, path: &Path, full: &Path, file_id: FileId) -> Presence {
        let real = match fs::canonicalize(full) {
            Ok(real) if !self.is_within(path, &real) => {
                let reason = format!(
                    "the link ends outside the folder, at `{}`",
                    os_text::shown_path(&real)
                );
                return self.memory.remember(path, rejected(&reason), Some(file_id));
            }
            Ok(real) => real,
            Err(error) if is_missing(&error) => return self.memory.miss(path),
            Err(error) => return self.memory.refuse(path, ReadError::Io(error)),
        };
        let open = self.open_place(path, &file_id);
        if let Some(reason) = open.clone().filter(|_| !self.memory.rules.accepts_open()) {
            return self.memory.distrust(path, Distrust::Open(reason));
        }
        match read_with_id(full, MAX_FILE) {
            Ok(Reading::Content(content, file_id)) => {
                let mut entry =
                    Entry::new(Content::Analysed(self.memory.analysis_of(path, &content)));
                entry.warnings.extend(owner_warning(&file_id));
                entry.warnings.extend(open);
                // A program may write twice within the grain of the clock, and both writes bear
                // the same time. So the id of a file that has just changed is not remembered, and
                // the next scan reads it once more.
                let known = file_id.is_quiet().then_some(file_id);
                self.is_fresh |= known.is_none();
                let presence = self.memory.remember(path, entry, known);
                let is_plain = file_id.has_one_name() && real == self.canonical.join(path);
                if let Some(known) = self.memory.files.get_mut(path) {
                    let home = real.parent().filter(|home| Some(*home) != full.parent());
                    known.real_folder = home.map(Path::to_path_buf);
                    known.has_one_path = is_plain;
                }
                presence
            }
            Ok(Reading::Held) => self.memory.hold(path),
            Ok(Reading::Missing) => self.memory.miss(path),
            Err(error) => self.memory.refuse(path, error),
        }
    }

    /// Whether the true path of a file is where links may lead: below the folder of workers, or,
    /// for a helper beside it, below the outermost folder.
    fn is_within(&self, path: &Path, real: &Path) -> bool {
        if is_beside(path) {
            return fs::canonicalize(self.outermost).is_ok_and(|folder| real.starts_with(folder));
        }
        real.starts_with(&self.canonical)
    }

    /// Why anyone may decide what is at a path, if that is so: by writing to the file, by adding
    /// names to its folder, or by replacing a folder above that.
    fn open_place(&mut self, path: &Path, file_id: &FileId) -> Option<String> {
        let directory = self.directory;
        if anyone_may_write(|| directory.join(path), file_id.mode) {
            let mode = file_id.mode & 0o7777;
            return Some(format!(
                "anyone may write to it (mode {mode:o}); run `chmod o-w {}`",
                os_text::shown_path(&directory.join(path))
            ));
        }
        // The folder of workers itself is judged before, unless it may be open.
        let accepts_open = self.memory.rules.accepts_open();
        let is_asked = |folder: &&Path| accepts_open || !folder.as_os_str().is_empty();
        let mut folders = path.ancestors().skip(1).filter(is_asked);
        let folder = folders.find(|folder| match self.others_in(folder) {
            Others::ChangeNothing => false,
            // A new name in the file's own folder may be another worker or helper.
            Others::AddNames => path.parent() == Some(folder),
            Others::ChangeAll => true,
        })?;
        let folder = if folder.as_os_str().is_empty() { directory } else { folder };
        let folder = os_text::shown_path(folder);
        Some(format!("anyone may write to its folder `{folder}`; run `chmod o-w` on that"))
    }

    /// What others may do in a folder; asked once in a scan.
    fn others_in(&mut self, folder: &Path) -> Others {
        if let Some(others) = self.others_in_folders.get(folder) {
            return *others;
        }
        let full = self.directory.join(folder);
        let others = fs::metadata(&full)
            .map_or(Others::ChangeNothing, |found| others_in(|| full, found.mode()));
        self.others_in_folders.insert(folder.to_path_buf(), others);
        others
    }

    /// Keeps what is known in a folder that cannot be read now: that does not mean it is gone.
    fn keep_all_in(&mut self, folder: &Path) {
        let inner = self.memory.files.keys().filter(|path| path.starts_with(folder));
        let inner: Vec<PathBuf> = inner.cloned().collect();
        for path in inner {
            self.presences.insert(path, Presence::Present);
        }
    }
}
