//! What workers watch beside their own files: `[workers.ID] watch`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    config::Config,
    discovery::{Candidate, Discovered, WatchGlobs, way_to},
    files::{WatchList, Watched, WatchedFiles},
};

/// The globs in force, and what the last look found by them.
#[derive(Clone, Default)]
pub(super) struct Watches {
    /// Each list of globs once, however many workers have it.
    lists: Vec<(Vec<String>, Arc<WatchGlobs>)>,
    files: WatchedFiles,
    found: Watched,
    /// The folder of the config.
    base: PathBuf,
    /// What arcanos writes below it.
    own: Vec<PathBuf>,
}

impl Watches {
    pub(super) fn of(config: &Config, base: &Path) -> Self {
        let mut watches = Self::default();
        watches.adopt(config, base);
        watches
    }

    /// Puts a new config in force. Lists that stay keep what was compiled.
    pub(super) fn adopt(&mut self, config: &Config, base: &Path) {
        let log = &config.log;
        let own = [&log.directory, &log.session, &config.state_directory];
        let own: Vec<_> =
            own.iter().filter_map(|path| Some(path.strip_prefix(base).ok()?.to_owned())).collect();
        let mut before = std::mem::take(&mut self.lists);
        if self.base != base || self.own != own {
            before.clear();
        }
        for settings in config.workers.values() {
            let list = &settings.watch;
            if list.is_empty() || self.lists.iter().any(|(known, _)| known == list) {
                continue;
            }
            let known = before.iter().find(|(known, _)| known == list).cloned();
            // A checked config has no glob that does not compile.
            let compile = || {
                let globs = WatchGlobs::compile(list, own.clone()).ok()?;
                Some((list.clone(), Arc::new(globs)))
            };
            self.lists.extend(known.or_else(compile));
        }
        self.own = own;
        self.base = base.to_path_buf();
    }

    /// Reads the files; returns how soon to look again, if something has not settled.
    pub(super) fn look(&mut self, now: Instant) -> Option<Duration> {
        self.found = self.files.look(&self.base, &self.globs(), now);
        self.found.wake
    }

    pub(super) const fn is_fresh(&self) -> bool {
        self.found.fresh
    }

    pub(super) fn is_as_left(&self) -> bool {
        self.files.is_as_left(&self.base, &self.globs())
    }

    /// Watches all folders in which a watched file is or may come.
    pub(super) fn list(&self, list: &mut WatchList) {
        for ((_, globs), found) in self.lists.iter().zip(&self.found.sets) {
            list.watched(&self.base, globs, found);
        }
    }

    /// Joins the watched files to what the workers are made of.
    pub(super) fn join(&self, mut discovered: Discovered, config: &Config) -> Discovered {
        if self.lists.is_empty() {
            return discovered;
        }
        for candidate in &mut discovered.candidates {
            if let Some(joined) = self.joined(candidate, config) {
                *candidate = Arc::new(joined);
            }
        }
        discovered
    }

    fn joined(&self, candidate: &Candidate, config: &Config) -> Option<Candidate> {
        let settings = config.worker(candidate.id.as_str());
        let at = self.lists.iter().position(|(list, _)| *list == settings.watch)?;
        let found = self.found.sets.get(at)?;
        let directory = &config.discovery.directory;
        let files = found.files.iter();
        let files =
            files.map(|(path, content)| (way_to(directory, &self.base.join(path)), *content));
        Some(candidate.with_watched(files, &found.warnings))
    }

    fn globs(&self) -> Vec<Arc<WatchGlobs>> {
        self.lists.iter().map(|(_, globs)| Arc::clone(globs)).collect()
    }
}
