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
    lock_file::{self, LockFile},
    permissions::PermissionReport,
    watches::Watches,
};
use crate::{
    config::{Config, Loaded},
    discovery::{Discovered, Listing, Rules, judge},
    domain::{WorkerId, WorkerSpec, os_text},
    engine::runtime::Packages,
    files::{ChangedPaths, FileSnapshot, Scan, ScanError, Scanner, WatchList, state::Draft},
};

/// How soon a config that a program still writes to is read again.
const HELD_PAUSE: Duration = Duration::from_millis(25);

/// Reads the disk, and remembers what it has read.
#[derive(Clone)]
pub(in crate::engine) struct Observer {
    source: Source,
    scanner: Scanner,
    /// The config in force.
    config: Arc<Config>,
    rules: Arc<Rules>,
    judged: Option<Judged>,
    watches: Watches,
    lock: LockFile,
    /// The identities of the single files as they were last read; `None` if one of them may have
    /// changed since unseen.
    file_snapshot: Option<FileSnapshot>,
    is_fresh: bool,
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
    /// The packages that are to be there, if any are.
    pub(in crate::engine) packages: Option<Packages>,
    /// The `package.json` that no lock file belongs to.
    pub(in crate::engine) unlocked: Option<PathBuf>,
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
        let rules = Rules::of(&config).map_err(|error| error.to_string())?;
        let scanner = Scanner::new(source.base());
        let watches = Watches::of(&config, source.base());
        Ok(Self {
            source,
            scanner,
            config,
            rules: Arc::new(rules),
            judged: None,
            watches,
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

    /// What it reads, for people.
    pub(in crate::engine) fn place(&self) -> String {
        format!(
            "reading `{}` and `{}`",
            os_text::shown_path(self.source.file()),
            os_text::shown_path(&self.config.discovery.directory)
        )
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
        let settled_in = self.watches.look(Instant::now());
        let watch = self.watch_list(folder.as_ref().ok());
        let wake = folder.as_ref().ok().and_then(|scan| scan.wake);
        // A new config may name further files, which were not read this time.
        let is_whole = self.single_files() == files;
        let is_fresh = file_snapshot.is_fresh() || folder.as_ref().is_ok_and(|scan| scan.fresh);
        self.is_fresh = is_fresh || !is_whole || self.watches.is_fresh();
        let judged = match folder {
            Ok(scan) => {
                let discovered = self.judge(scan.listing, running);
                Some(Ok(self.watches.join(discovered, &self.config)))
            }
            Err(ScanError::Busy(_)) => {
                look_again = Some(HELD_PAUSE);
                None
            }
            Err(error) => Some(Err(error.to_string())),
        };
        self.lock.look(&self.config.discovery.directory, self.source.base());
        self.file_snapshot = (look_again.is_none() && is_whole).then_some(file_snapshot);
        Observation {
            config,
            packages: self.lock.packages(&self.config.discovery.prepare),
            unlocked: self.lock.unlocked(&self.config.discovery.prepare),
            permissions: self.source.permissions(),
            look_again: [look_again, wake, settled_in].into_iter().flatten().min(),
            watch,
            folder: judged,
        }
    }

    /// Whether everything is as the last look left it. `false` where only another look can say.
    pub(in crate::engine) fn is_as_left(&self) -> bool {
        self.file_snapshot.as_ref().is_some_and(FileSnapshot::is_unchanged)
            && self.scanner.is_as_left(&self.rules, &self.config.discovery.directory)
            && self.watches.is_as_left()
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
        let locks = lock_file::watched(&self.config.discovery.directory, self.base());
        config.chain(self.source.named().iter().cloned()).chain(locks).collect()
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
                os_text::shown_path(&loaded.config.state_directory)
            ));
            loaded.config.state_directory.clone_from(&self.config.state_directory);
        }
        let declares_alike = loaded.config.workers == self.config.workers;
        if loaded.config.discovery != self.config.discovery || !declares_alike {
            match Rules::of(&loaded.config) {
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
        self.watches.adopt(&self.config, self.source.base());
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
        self.watches.list(&mut list);
        let locks = lock_file::watched(directory, self.base());
        let modules = lock_file::modules(directory, self.base());
        locks.iter().chain(&modules).for_each(|path| list.file(path));
        list
    }

    /// A path below the config's folder may come and go with a folder above it: those are watched
    /// too.
    fn watch_above(&self, list: &mut WatchList, path: &Path) {
        let base = self.source.base();
        let above = path.ancestors().skip(1);
        above.take_while(|f| f.starts_with(base) && *f != base).for_each(|f| list.file(f));
    }
}

/// Whether both are the same files under the same ids.
fn holds_same(one: &[Arc<WorkerSpec>], other: &[Arc<WorkerSpec>]) -> bool {
    let is_same = |(one, other): (&Arc<WorkerSpec>, &Arc<WorkerSpec>)| {
        Arc::ptr_eq(one, other) || (one.id == other.id && one.file == other.file)
    };
    one.len() == other.len() && one.iter().zip(other).all(is_same)
}
