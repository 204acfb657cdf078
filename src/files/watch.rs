//! The watcher: reports by inotify when something may have changed on the disk.
//!
//! Events are hints. Whatever comes, the watcher counts up one number, which means "scan again",
//! and keeps the paths that were named; it does not say what happened to them. Only folders are
//! watched, since the watch of a file ends when an editor saves by rename. Where there are no events
//! (network and overlay file systems), or no watches left, the periodic scan finds the changes.

mod changed_paths;
mod watch_list;

use std::{
    collections::BTreeMap,
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use notify::{
    ErrorKind, Event, EventKind, INotifyWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode, ModifyKind},
};
use tokio::sync::watch;

use self::watch_list::WatchFilter;
pub use self::{changed_paths::ChangedPaths, watch_list::WatchList};
use crate::{config::Watch, domain::os_text, sync::lock};

/// How often to scan where events were asked for and there are none, unless the config says a
/// shorter time.
const FALLBACK_INTERVAL: Duration = Duration::from_secs(2);

/// How changes are noticed. Shown as `native`, or `poll` and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchMode {
    /// By the system's events.
    Native,
    /// Only by periodic scans; says why, if events were asked for.
    Poll(Option<String>),
}

impl fmt::Display for WatchMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.write_str("native"),
            Self::Poll(None) => f.write_str("poll"),
            Self::Poll(Some(why)) => write!(f, "poll ({why})"),
        }
    }
}

/// Watches folders. Dropping it ends the watches and its thread.
#[derive(Debug)]
pub struct Watcher {
    asked: Watch,
    native: Option<INotifyWatcher>,
    mode: WatchMode,
    /// What is watched, and which folder that was then.
    watched: BTreeMap<PathBuf, FolderId>,
    shared: Arc<Shared>,
}

/// Device and inode of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FolderId(u64, u64);

/// What the watcher shares with the thread that takes the events.
#[derive(Debug)]
struct Shared {
    /// Counts the times that something may have changed.
    changes: watch::Sender<u64>,
    filters: Mutex<BTreeMap<PathBuf, WatchFilter>>,
    /// The changes that were reported and not taken yet.
    changed_paths: Mutex<ChangedPaths>,
    /// Whether a watched folder was moved or removed, or an event may have been lost: then no
    /// watch can be relied on, whatever device and inode say, since inodes are used again.
    is_doubtful: AtomicBool,
}

impl Watcher {
    /// A watcher that watches nothing yet. It never fails: without events it says so by
    /// [`Watcher::mode`].
    #[must_use]
    pub fn new(asked: Watch) -> Self {
        let mut watcher = Self {
            asked,
            native: None,
            mode: WatchMode::Poll(None),
            watched: BTreeMap::new(),
            shared: Arc::new(Shared {
                changes: watch::Sender::new(0),
                filters: Mutex::default(),
                changed_paths: Mutex::new(ChangedPaths::Anything),
                is_doubtful: AtomicBool::new(false),
            }),
        };
        watcher.connect();
        watcher
    }

    /// A number that grows with every change that may matter. It never ends while the watcher lives.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Takes the changes since the last call. Call it before a scan, and after the number of
    /// [`Watcher::subscribe`] was seen: then what comes later counts for the next scan.
    #[must_use]
    pub fn changed_paths(&self) -> ChangedPaths {
        let changed_paths = std::mem::take(&mut *self.shared.changed_paths());
        match self.mode {
            WatchMode::Native => changed_paths,
            WatchMode::Poll(_) => ChangedPaths::Anything,
        }
    }

    /// A handle that asks for a scan without an event.
    #[must_use]
    pub fn rescan(&self) -> Rescan {
        Rescan(Arc::clone(&self.shared))
    }

    /// Notices changes in another way from now on; the next [`Watcher::set`] arms it.
    pub fn change(&mut self, asked: Watch) {
        if self.asked != asked {
            self.asked = asked;
            self.native = None;
            self.watched.clear();
            self.connect();
        }
    }

    /// How changes are noticed now.
    #[must_use]
    pub const fn mode(&self) -> &WatchMode {
        &self.mode
    }

    /// What a person should look at: events were insisted on, and there are none.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        match (self.asked, &self.mode) {
            (Watch::Native, WatchMode::Poll(Some(why))) => {
                Some(format!("`discovery.watch` is `native`, but changes are not watched: {why}"))
            }
            _ => None,
        }
    }

    /// How often to scan without an event, given `discovery.scan_interval`.
    #[must_use]
    pub fn interval(&self, scan_interval: Duration) -> Duration {
        match &self.mode {
            WatchMode::Native | WatchMode::Poll(None) => scan_interval,
            WatchMode::Poll(Some(_)) => scan_interval.min(FALLBACK_INTERVAL),
        }
    }

    /// Watches these folders and no others. Missing ones are skipped: watch what they are in.
    ///
    /// Call it after every scan, since folders may have been moved and created again. A new watch
    /// counts as a change itself: something may have happened before it was in force.
    pub fn set(&mut self, wanted: &WatchList) {
        if self.asked == Watch::Poll {
            return;
        }
        if self.native.is_none() {
            self.connect();
        }
        let (folders, filters) = distinct(wanted);
        // The folder may be watched already, but its events did not pass the filter until now.
        let mut is_new = self.shared.set_filters(filters);
        let Some(native) = &mut self.native else {
            return;
        };
        let is_doubtful = self.shared.is_doubtful.swap(false, Ordering::Relaxed);
        self.watched.retain(|path, id| {
            let is_kept = !is_doubtful && folders.get(path) == Some(id);
            if !is_kept {
                // Fails if the folder is gone, and the watch with it.
                let _ = native.unwatch(path);
            }
            is_kept
        });
        let mut fault = None;
        for (path, id) in folders {
            if self.watched.contains_key(&path) {
                continue;
            }
            match native.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    is_new = true;
                    self.watched.insert(path, id);
                }
                Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => {}
                Err(error) => fault = Some(explain(&error)),
            }
        }
        self.mode = fault.map_or(WatchMode::Native, |why| WatchMode::Poll(Some(why)));
        if is_new {
            self.shared.report_anything();
        }
    }

    fn connect(&mut self) {
        if self.asked == Watch::Poll {
            self.mode = WatchMode::Poll(None);
            return;
        }
        let shared = Arc::clone(&self.shared);
        let take = move |event: notify::Result<Event>| shared.take(event);
        match INotifyWatcher::new(take, notify::Config::default()) {
            Ok(native) => {
                self.native = Some(native);
                self.mode = WatchMode::Native;
            }
            Err(error) => self.mode = WatchMode::Poll(Some(explain(&error))),
        }
    }
}

/// Asks for a scan; see [`Watcher::rescan`].
#[derive(Clone, Debug)]
pub struct Rescan(Arc<Shared>);

impl Rescan {
    /// Anything may have changed: asks for a full scan.
    pub fn all(&self) {
        self.0.report_anything();
    }

    /// What was not settled may be settled now: asks for another scan of that.
    pub fn again(&self) {
        self.0.report();
    }
}

impl Shared {
    fn take(&self, event: notify::Result<Event>) {
        let Ok(event) = event else {
            self.is_doubtful.store(true, Ordering::Relaxed);
            return self.report_anything();
        };
        if is_reading(event.kind) {
            return;
        }
        let filters = self.filters();
        let is_watched = |path: &PathBuf| filters.contains_key(path);
        let is_move = is_move(event.kind);
        if is_move && event.paths.iter().any(is_watched) {
            self.is_doubtful.store(true, Ordering::Relaxed);
        }
        let matters = |path: &PathBuf| {
            let filter = path.parent().and_then(|folder| filters.get(folder));
            filter.zip(path.file_name()).is_some_and(|(filter, name)| {
                filter.covers(name) || (is_move && filter.covers_arrival(name))
            })
        };
        // An overflow of the queue comes without a path.
        if event.paths.is_empty() || event.paths.iter().any(is_watched) {
            drop(filters);
            return self.report_anything();
        }
        let named: Vec<&PathBuf> = event.paths.iter().filter(|path| matters(path)).collect();
        drop(filters);
        if !named.is_empty() {
            let mut changed_paths = self.changed_paths();
            named.into_iter().for_each(|path| changed_paths.add(path));
            drop(changed_paths);
            self.report();
        }
    }

    fn report_anything(&self) {
        *self.changed_paths() = ChangedPaths::Anything;
        self.report();
    }

    fn report(&self) {
        self.changes.send_modify(|n| *n += 1);
    }

    /// Sets the filters; returns whether they let anything pass that the last ones did not.
    fn set_filters(&self, filters: BTreeMap<PathBuf, WatchFilter>) -> bool {
        let mut known = self.filters();
        let is_known = |(path, filter): (&PathBuf, &WatchFilter)| {
            known.get(path).is_some_and(|known| known.includes(filter))
        };
        let is_new = !filters.iter().all(is_known);
        *known = filters;
        is_new
    }

    fn changed_paths(&self) -> MutexGuard<'_, ChangedPaths> {
        lock(&self.changed_paths)
    }

    /// Invariant: not held while notify is spoken to, whose thread waits for it.
    fn filters(&self) -> MutexGuard<'_, BTreeMap<PathBuf, WatchFilter>> {
        lock(&self.filters)
    }
}

/// Whether an event only reports reading: scans and starts of workers make many of these.
const fn is_reading(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        _ => false,
    }
}

/// Whether a name has come or gone.
const fn is_move(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
    )
}

/// The folders that there are, each once though links lead to it by several paths: the kernel
/// has one watch for a folder, so ending it by one path would end it by all.
fn distinct(wanted: &WatchList) -> (BTreeMap<PathBuf, FolderId>, BTreeMap<PathBuf, WatchFilter>) {
    let mut paths = BTreeMap::<FolderId, &Path>::new();
    let mut folders = BTreeMap::new();
    let mut filters = BTreeMap::<PathBuf, WatchFilter>::new();
    for (path, filter) in wanted.folders() {
        let Ok(metadata) = fs::metadata(path) else {
            continue;
        };
        if !metadata.is_dir() {
            continue;
        }
        let id = FolderId(metadata.dev(), metadata.ino());
        let path = *paths.entry(id).or_insert(path);
        folders.insert(path.to_path_buf(), id);
        let known = filters.entry(path.to_path_buf()).or_default();
        known.merge(filter);
    }
    (folders, filters)
}

/// An error of notify for people.
fn explain(error: &notify::Error) -> String {
    match &error.kind {
        ErrorKind::MaxFilesWatch => {
            "no watches are left; raise `fs.inotify.max_user_watches`".to_owned()
        }
        ErrorKind::Io(fault) if fault.raw_os_error() == Some(libc::EMFILE) => {
            "no watchers are left; raise `fs.inotify.max_user_instances`".to_owned()
        }
        ErrorKind::Io(fault) => {
            let path = error.paths.first().map(|path| format!("`{}`: ", os_text::shown_path(path)));
            format!("{}{fault}", path.unwrap_or_default())
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
