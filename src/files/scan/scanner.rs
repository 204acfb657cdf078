//! The scanner: reads the folder of workers, and of it only what is new.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Instant,
};

use super::{
    known::Known,
    list::{self, List},
    outcome::{Scan, ScanError},
    pass::{Coverage, Pass},
};
use crate::{discovery::Rules, domain::Fingerprint, files::ChangedPaths};

/// Scans a folder of workers again and again.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    /// Imports are followed into what lies below this folder.
    outermost: PathBuf,
    pub(super) directory: PathBuf,
    /// [`Rules::digest`] of the rules that the analyses are by.
    pub(super) digest: Fingerprint,
    /// By hash: comparing paths for an order costs a walk over their parts.
    pub(super) known: HashMap<PathBuf, Known>,
    /// What the last scan leaves for the next one; `None` after a scan that failed.
    pub(super) last: Option<Last>,
}

/// What a scan leaves for the next one.
#[derive(Clone, Debug)]
pub(super) struct Last {
    pub(super) list: List,
    /// Paths, in the folder, at which there was nothing that is a file.
    pub(super) absent: Vec<PathBuf>,
}

impl Scanner {
    /// A scanner that has seen nothing yet. What workers import is followed out of their folder
    /// as far as `outermost`, if that is above it.
    #[must_use]
    pub fn new(outermost: &Path) -> Self {
        Self { outermost: outermost.to_path_buf(), ..Self::default() }
    }

    /// The same, with another bound of what is followed; what it has seen stays seen.
    #[must_use]
    pub fn within(mut self, outermost: &Path) -> Self {
        if self.outermost != outermost {
            self = Self::new(outermost);
        }
        self
    }

    /// Scans the folder as it is now.
    ///
    /// Blocks for as long as the disk does. `now` is the moment that absences are counted from.
    /// Where `changed` names some paths only, the rest is taken to be as it was.
    ///
    /// # Errors
    /// If the folder as a whole cannot be followed. What was known stays known, so that nothing
    /// counts as removed when it can be followed again.
    pub fn scan(
        &mut self,
        rules: &Rules,
        directory: &Path,
        now: Instant,
        changed: &ChangedPaths,
    ) -> Result<Scan, ScanError> {
        let last = self.last.take();
        let is_known = self.directory == directory && self.digest == rules.digest();
        let updated =
            last.filter(|_| is_known).and_then(|last| update(last.list, directory, changed));
        let (list, coverage) = match updated {
            Some((list, names)) => (list, Coverage::Only(names)),
            None => (list::list(rules, directory)?, Coverage::All),
        };
        if self.directory != directory {
            self.known.clear();
            self.directory = directory.to_path_buf();
        }
        if self.digest != rules.digest() {
            for (path, known) in &mut self.known {
                known.outdate(rules, path);
            }
            self.digest = rules.digest();
        }
        let pass = Pass::new(&mut self.known, rules, (&self.outermost, directory), now);
        let (scan, absent) = pass.run(&list, coverage)?;
        self.last = Some(Last { list, absent });
        Ok(scan)
    }
}

/// The list with these names as they are now, and their paths in the folder; `None` where that
/// takes reading the folder again.
fn update(
    mut list: List,
    directory: &Path,
    changed: &ChangedPaths,
) -> Option<(List, Vec<PathBuf>)> {
    let ChangedPaths::Names(names) = changed else { return None };
    let mut paths = Vec::with_capacity(names.len());
    list.refresh_ids(directory);
    for name in names {
        let path = name.strip_prefix(directory).ok()?;
        if !list.update(directory, path) {
            return None;
        }
        paths.push(path.to_path_buf());
    }
    Some((list, paths))
}
