//! The list of folders to watch, with a filter for the names in each that matter.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    discovery::{Content, Rules, WatchGlobs},
    files::{Scan, WatchedSet},
};

/// Links that are followed on the way to a file: as many as the kernel follows.
const MAX_LINKS: usize = 40;

/// The folders to be watched, and the names in them that matter. All paths are absolute.
#[derive(Clone, Debug, Default)]
pub struct WatchList(BTreeMap<PathBuf, WatchFilter>);

/// The filter for the names in one folder. Without it, a worker that writes a log into its own
/// folder would make arcanos scan for ever.
#[derive(Clone, Debug, Default)]
pub(super) struct WatchFilter {
    names: BTreeSet<OsString>,
    /// In a folder of workers: whatever may be one, or a helper.
    rules: Option<Arc<Rules>>,
    /// What workers watch here, each with the way to this folder from that of the config.
    globs: Vec<(PathBuf, Arc<WatchGlobs>)>,
}

impl WatchList {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches one file, such as the config: its name in its folder, every link on the way to it,
    /// since each may be swapped, and where they lead, also if nothing is there.
    pub fn file(&mut self, path: &Path) {
        self.name(path);
        let (real, links) = trace(path);
        links.iter().for_each(|link| self.name(link));
        if !links.is_empty() {
            self.name(&real);
            // It may go with the folder that it is in, and come with one above that.
            for folder in real.ancestors().skip(1) {
                self.name(folder);
                if folder.parent().is_some_and(Path::is_dir) {
                    break;
                }
            }
        }
    }

    /// Watches a folder of workers: itself in the folder that it is in, and what may matter in
    /// it and in the folders that belong to it, as the last look found them.
    pub fn workers(&mut self, directory: &Path, rules: &Arc<Rules>, scan: Option<&Scan>) {
        self.file(directory);
        self.folder(directory).rules = Some(Arc::clone(rules));
        let Some(scan) = scan else { return };
        for folder in &scan.folders {
            self.folder(folder).rules = Some(Arc::clone(rules));
            // It may not be there yet, and go and come with any folder on the way to it.
            let is_on_the_way = |path: &&Path| path.starts_with(directory) && *path != directory;
            folder.ancestors().take_while(is_on_the_way).for_each(|path| self.name(path));
        }
        // A package may become a link, or lead elsewhere by another one of the same name.
        scan.listing.packages.keys().for_each(|package| self.file(&directory.join(package)));
        // Only what is imported by an unusual name is not covered by the rules.
        let is_unusual = |file: &Path| file.file_name().is_some_and(|n| !rules.is_of_interest(n));
        for (file, entry) in &scan.listing.files {
            if entry.content != Content::Unread && is_unusual(file) {
                self.name(&directory.join(file));
            }
        }
    }

    /// Watches the files that a worker watches, below the folder of the config.
    pub fn watched(&mut self, base: &Path, globs: &Arc<WatchGlobs>, found: &WatchedSet) {
        for folder in &found.folders {
            let filter = self.folder(&base.join(folder));
            filter.globs.push((folder.clone(), Arc::clone(globs)));
        }
        found.links.iter().for_each(|link| self.file(&base.join(link)));
    }

    pub(super) fn folders(&self) -> impl Iterator<Item = (&Path, &WatchFilter)> {
        self.0.iter().map(|(path, filter)| (path.as_path(), filter))
    }

    fn name(&mut self, path: &Path) {
        if let (Some(folder), Some(name)) = (path.parent(), path.file_name()) {
            self.folder(folder).names.insert(name.to_owned());
        }
    }

    fn folder(&mut self, path: &Path) -> &mut WatchFilter {
        self.0.entry(path.to_path_buf()).or_default()
    }
}

/// Where a path leads, also if nothing is there, and the links on the way.
fn trace(path: &Path) -> (PathBuf, Vec<PathBuf>) {
    let parts = |path: &Path| -> Vec<OsString> {
        path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
    };
    let (mut real, mut links) = (PathBuf::new(), Vec::new());
    let mut ahead = parts(path);
    while let Some(part) = ahead.pop() {
        if part == ".." {
            real.pop();
            continue;
        }
        let next = real.join(part);
        match fs::read_link(&next) {
            Ok(target) if links.len() < MAX_LINKS => {
                links.push(next);
                ahead.extend(parts(&target));
            }
            _ => real = next,
        }
    }
    (real, links)
}

impl WatchFilter {
    /// Whether a change of what bears this name matters. The names that begin with two dots are
    /// those by which the files of a mounted config map are swapped.
    pub(super) fn covers(&self, name: &OsStr) -> bool {
        self.names.contains(name)
            || name.as_encoded_bytes().starts_with(b"..")
            || self.rules.as_ref().is_some_and(|rules| rules.is_of_interest(name))
            || self.globs.iter().any(|(folder, globs)| globs.matches(&folder.join(name)))
    }

    /// Whether it matters that something by this name comes or goes: it may be a folder that
    /// helpers are in.
    pub(super) fn covers_arrival(&self, name: &OsStr) -> bool {
        let is_plain = !name.as_encoded_bytes().contains(&b'.');
        self.covers(name)
            || (is_plain && self.rules.is_some())
            || self.globs.iter().any(|(folder, globs)| globs.enters(&folder.join(name)))
    }

    /// Whether all that matters to `other` matters here.
    pub(super) fn includes(&self, other: &Self) -> bool {
        let has_rules = match (&self.rules, &other.rules) {
            (_, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, Some(_)) => false,
        };
        let is_known = |(folder, globs): &(PathBuf, Arc<WatchGlobs>)| {
            self.globs.iter().any(|(known, own)| known == folder && Arc::ptr_eq(own, globs))
        };
        has_rules && other.globs.iter().all(is_known) && other.names.is_subset(&self.names)
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.names.extend(other.names.iter().cloned());
        self.globs.extend(other.globs.iter().cloned());
        if other.rules.is_some() {
            self.rules.clone_from(&other.rules);
        }
    }
}
