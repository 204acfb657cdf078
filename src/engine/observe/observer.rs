//! The observer: reads config and folder from the disk in one go. It blocks, so it runs on a thread
//! of its own.

use std::{
    iter,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    config_source::{ConfigFault, LoadOutcome, Source},
    permissions::PermissionReport,
};
use crate::{
    config::{Config, Loaded},
    discovery::{Discovered, Listing, Rules, judge},
    domain::{WorkerId, WorkerSpec},
    files::{
        ChangedPaths, FileSnapshot, Scan, ScanError, Scanner, Settled, WatchList, read_settled,
        state::Draft,
    },
};

/// How soon a config that a program still writes to is read again.
const HELD_PAUSE: Duration = Duration::from_millis(25);

/// The file whose change means that packages must be prepared.
const LOCK_FILE: &str = "package-lock.json";

/// Largest lock file that is digested; npm's own for a thousand packages are a tenth of it.
const MAX_LOCK: u64 = 16 << 20;

/// Reads the disk, and remembers what it has read.
#[derive(Clone)]
pub(in crate::engine) struct Observer {
    source: Source,
    scanner: Scanner,
    /// The config in force.
    config: Arc<Config>,
    rules: Arc<Rules>,
    judged: Option<Judged>,
    lock: LockFile,
    /// The identities of the single files as they were last read; `None` if one of them may have
    /// changed since unseen.
    file_snapshot: Option<FileSnapshot>,
    is_fresh: bool,
}

/// The folder's lock file, as it was last read.
#[derive(Clone, Default)]
struct LockFile {
    path: PathBuf,
    file_snapshot: FileSnapshot,
    digest: Option<String>,
}

/// The last verdicts, and everything they depend on.
#[derive(Clone)]
struct Judged {
    rules: Arc<Rules>,
    listing: Listing,
    running: Vec<Arc<WorkerSpec>>,
    discovered: Discovered,
}

/// What the disk said.
pub(in crate::engine) struct Observation {
    pub(in crate::engine) config: ConfigObservation,
    /// The verdicts; `None` where the folder cannot be judged yet.
    pub(in crate::engine) folder: Option<Result<Discovered, String>>,
    /// A digest of the folder's lock file, if it has one.
    pub(in crate::engine) lock: Option<String>,
    /// Who else may write to the config or read its secrets.
    pub(in crate::engine) permissions: PermissionReport,
    /// How soon to look again, if something has not settled.
    pub(in crate::engine) look_again: Option<Duration>,
    /// What is to be watched from now on.
    pub(in crate::engine) watch: WatchList,
}

/// What the disk said about the config.
pub(in crate::engine) enum ConfigObservation {
    /// As before: what is in force, or what was wrong.
    Same,
    /// A good one, now in force here; with the key, if any, whose edit needs a restart.
    New(Box<Loaded>, Arc<Config>, Option<String>),
    /// A bad one.
    Bad(ConfigFault),
}

impl Observer {
    pub(in crate::engine) fn new(source: Source, config: Arc<Config>) -> Result<Self, String> {
        let rules = Rules::compile(&config.discovery).map_err(|error| error.to_string())?;
        let scanner = Scanner::new(source.base());
        Ok(Self {
            source,
            scanner,
            config,
            rules: Arc::new(rules),
            judged: None,
            lock: LockFile::default(),
            file_snapshot: None,
            is_fresh: false,
        })
    }

    /// An observer that reads the config anew, or a draft instead of it.
    pub(in crate::engine) fn anew(self, draft: Option<Draft>) -> Self {
        let source = self.source.anew(draft);
        Self { scanner: self.scanner.within(source.base()), source, file_snapshot: None, ..self }
    }

    /// The folder of the config file.
    pub(in crate::engine) fn base(&self) -> &Path {
        self.source.base()
    }

    /// Reads the disk.
    ///
    /// `running` is what runs now, in order of ids: its files keep their ids. `changed` is what
    /// events have reported since the last time.
    pub(in crate::engine) fn look(
        &mut self,
        running: Vec<Arc<WorkerSpec>>,
        changed: ChangedPaths,
    ) -> Observation {
        let mut look_again = None;
        let files = self.single_files();
        let file_snapshot = FileSnapshot::of(files.iter().map(PathBuf::as_path));
        let config = match self.source.look() {
            LoadOutcome::Same => ConfigObservation::Same,
            LoadOutcome::Held => {
                look_again = Some(HELD_PAUSE);
                ConfigObservation::Same
            }
            LoadOutcome::Bad(fault) => ConfigObservation::Bad(fault),
            LoadOutcome::Loaded(loaded) => self.adopt(loaded),
        };
        let directory = &self.config.discovery.directory;
        let changed = changed.without(|path| self.is_of_config(path));
        let folder = self.scanner.scan(&self.rules, directory, Instant::now(), &changed);
        let watch = self.watch_list(folder.as_ref().ok());
        let wake = folder.as_ref().ok().and_then(|scan| scan.wake);
        // A new config may name further files, which were not read this time.
        let is_whole = self.single_files() == files;
        let is_fresh = file_snapshot.is_fresh() || folder.as_ref().is_ok_and(|scan| scan.fresh);
        self.is_fresh = is_fresh || !is_whole;
        let judged = match folder {
            Ok(scan) => Some(Ok(self.judge(scan.listing, running))),
            Err(ScanError::Busy(_)) => {
                look_again = Some(HELD_PAUSE);
                None
            }
            Err(error) => Some(Err(error.to_string())),
        };
        self.file_snapshot = (look_again.is_none() && is_whole).then_some(file_snapshot);
        Observation {
            config,
            lock: self.lock_digest(),
            permissions: self.source.permissions(),
            look_again: [look_again, wake].into_iter().flatten().min(),
            watch,
            folder: judged,
        }
    }

    /// Whether everything is as the last look left it. `false` where only another look can say.
    pub(in crate::engine) fn is_as_left(&self) -> bool {
        self.file_snapshot.as_ref().is_some_and(FileSnapshot::is_unchanged)
            && self.scanner.is_as_left(&self.rules, &self.config.discovery.directory)
    }

    /// Whether the last look read something that had changed so lately that another write may hide
    /// in the same tick of the file system's clock; look again after
    /// [`QUIET`](crate::files::QUIET).
    pub(in crate::engine) const fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// The files that are read besides those in the folder.
    fn single_files(&self) -> Vec<PathBuf> {
        let config = iter::once(self.source.file().to_path_buf());
        config.chain(self.source.named().iter().cloned()).chain([self.lock_file()]).collect()
    }

    /// Whether a path belongs to the config and not to the folder of workers.
    fn is_of_config(&self, path: &Path) -> bool {
        let is_named = path == self.source.file() || self.source.named().iter().any(|n| n == path);
        is_named && !path.starts_with(&self.config.discovery.directory)
    }

    /// Judges the files of the folder. If nothing has changed that the verdicts depend on, they are
    /// the last ones.
    fn judge(&mut self, listing: Listing, running: Vec<Arc<WorkerSpec>>) -> Discovered {
        if let Some(before) = &mut self.judged
            && Arc::ptr_eq(&before.rules, &self.rules)
            && before.listing == listing
            && holds_same(&before.running, &running)
        {
            before.running = running;
            return before.discovered.clone();
        }
        let holder = |id: &WorkerId| {
            let at = running.binary_search_by(|spec| spec.id.cmp(id)).ok()?;
            Some(running[at].file.clone())
        };
        let discovered = judge(&self.rules, &listing, &holder);
        let rules = Arc::clone(&self.rules);
        self.judged = Some(Judged { rules, listing, running, discovered: discovered.clone() });
        discovered
    }

    /// Puts a new config in force, except for what only a restart of arcanos can change.
    fn adopt(&mut self, mut loaded: Box<Loaded>) -> ConfigObservation {
        let mut refused = None;
        if loaded.config.state_directory != self.config.state_directory {
            refused = Some(format!(
                "state.directory: cannot change while arcanos runs; restart arcanos to move it \
                 to `{}`",
                loaded.config.state_directory.display()
            ));
            loaded.config.state_directory.clone_from(&self.config.state_directory);
        }
        if loaded.config.discovery != self.config.discovery {
            match Rules::compile(&loaded.config.discovery) {
                Ok(rules) => self.rules = Arc::new(rules),
                Err(error) => {
                    let error = error.to_string();
                    return ConfigObservation::Bad(ConfigFault {
                        pretty: error.clone(),
                        errors: vec![error],
                    });
                }
            }
        }
        self.config = Arc::new(loaded.config.clone());
        ConfigObservation::New(loaded, Arc::clone(&self.config), refused)
    }

    /// All that is watched: the config, the files it names, the folder and its lock file.
    fn watch_list(&self, scan: Option<&Scan>) -> WatchList {
        let mut list = WatchList::new();
        list.file(self.source.file());
        for file in self.source.named() {
            list.file(file);
            self.watch_above(&mut list, file);
        }
        let directory = &self.config.discovery.directory;
        list.workers(directory, &self.rules, scan);
        self.watch_above(&mut list, directory);
        list.file(&self.lock_file());
        list
    }

    /// A path below the config's folder may come and go with a folder above it: those are watched
    /// too.
    fn watch_above(&self, list: &mut WatchList, path: &Path) {
        let base = self.source.base();
        let above = path.ancestors().skip(1);
        above.take_while(|f| f.starts_with(base) && *f != base).for_each(|f| list.file(f));
    }

    fn lock_file(&self) -> PathBuf {
        self.config.discovery.directory.join(LOCK_FILE)
    }

    fn lock_digest(&mut self) -> Option<String> {
        if self.config.discovery.prepare.is_empty() {
            return None;
        }
        let path = self.lock_file();
        if self.lock.path != path || !self.lock.file_snapshot.is_unchanged() {
            self.lock = LockFile::read(path);
        }
        self.lock.digest.clone()
    }
}

impl LockFile {
    fn read(path: PathBuf) -> Self {
        let file_snapshot = FileSnapshot::of([path.as_path()]);
        let digest = match read_settled(&path, MAX_LOCK) {
            Ok(Settled::Content(bytes)) => Some(crate::discovery::fingerprint(&bytes).to_string()),
            _ => None,
        };
        Self { path, file_snapshot, digest }
    }
}

/// Whether both are the same files under the same ids.
fn holds_same(one: &[Arc<WorkerSpec>], other: &[Arc<WorkerSpec>]) -> bool {
    let is_same = |(one, other): (&Arc<WorkerSpec>, &Arc<WorkerSpec>)| {
        Arc::ptr_eq(one, other) || (one.id == other.id && one.file == other.file)
    };
    one.len() == other.len() && one.iter().zip(other).all(is_same)
}
