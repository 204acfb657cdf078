//! Reads the folder of workers, and only what of it is new.
//!
//! A [`Scanner`] remembers what every file said and by which marks it would know a change, so
//! that an unchanged file costs one stat(2). It looks at the disk as it is: no event is needed,
//! and none is believed in what it says of a file. Where events have told of some names only,
//! those are looked at and the rest is taken to be as it was, until the next look at everything.
//! It never waits; where something is not to be read yet, it says when to look again.

mod check;
mod known;
mod list;
mod pass;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

pub(crate) use self::list::open_to_all;
use self::{
    known::Known,
    list::List,
    pass::{Glance, Pass},
};
use super::{ChangedPaths, read::is_missing};
use crate::discovery::{Listing, Rules};

/// Larger files are rejected, in bytes.
pub(super) const MAX_FILE: u64 = 1 << 20;

/// A file counts as removed once it has been gone for so long; a save by rename or by deletion
/// and creation is done sooner.
pub(crate) const ABSENCE: Duration = Duration::from_millis(300);

/// What one look at the folder found.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The files.
    pub listing: Listing,
    /// Whether something is not as it will be: a file that is still written, or one that has
    /// been gone for less than 300 ms and is still listed.
    pub pending: bool,
    /// When to look again because of that.
    pub wake: Option<Duration>,
    /// Whether a file had changed so lately that it is to be read once more when it is
    /// quiet: another change within the clock's grain would bear the same time.
    pub fresh: bool,
    /// The folders in which a change may matter, absolute.
    pub folders: BTreeSet<PathBuf>,
}

/// Why a folder cannot be followed. What runs goes on; nothing new starts.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// There is none.
    #[error("the folder of workers `{0}` is missing")]
    Missing(PathBuf),
    /// It is something else.
    #[error("`{0}` is not a folder; it should hold the workers")]
    NotFolder(PathBuf),
    /// The system refuses.
    #[error("the folder of workers `{directory}` cannot be read: {fault}")]
    Unreadable {
        /// The folder.
        directory: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
    /// Anyone may put a worker there.
    #[error(
        "anyone may write to the folder of workers `{0}`, so nothing is started from it; \
         run `chmod o-w {0}`"
    )]
    Open(PathBuf),
    /// The rules have changed, and a file that they must be asked about cannot be read yet:
    /// mostly because a program writes to it.
    #[error("the new rules wait for `{0}`, which cannot be read at present")]
    Busy(PathBuf),
}

impl ScanError {
    pub(super) fn of(directory: &Path, fault: io::Error) -> Self {
        let directory = directory.to_path_buf();
        if is_missing(&fault) {
            Self::Missing(directory)
        } else {
            Self::Unreadable { directory, fault }
        }
    }
}

/// Looks at a folder of workers again and again.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    /// Imports are followed into what lies below this folder.
    outermost: PathBuf,
    directory: PathBuf,
    /// [`Rules::digest`] of the rules that the analyses are by.
    digest: u64,
    /// By hash: comparing paths for an order costs a walk over their parts.
    known: HashMap<PathBuf, Known>,
    /// What the last look found in the folder, and where it found nothing; `None` after a look that
    /// failed.
    last: Option<Last>,
}

/// What a look leaves for the next one.
#[derive(Clone, Debug)]
struct Last {
    list: List,
    /// Paths, in the folder, at which there was nothing that is a file.
    absent: Vec<PathBuf>,
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

    /// Looks at the folder as it is now.
    ///
    /// Blocks for as long as the disk does. `now` is the moment that absences are counted from.
    /// Where `news` is of some names only, the rest is taken to be as it was.
    ///
    /// # Errors
    /// If the folder as a whole cannot be followed. What was known stays known, so that nothing
    /// counts as removed when it can be followed again.
    pub fn scan(
        &mut self,
        rules: &Rules,
        directory: &Path,
        now: Instant,
        news: &ChangedPaths,
    ) -> Result<Scan, ScanError> {
        let last = self.last.take();
        let is_known = self.directory == directory && self.digest == rules.digest();
        let renewed = last.filter(|_| is_known).and_then(|last| renew(last.list, directory, news));
        let (list, glance) = match renewed {
            Some((list, names)) => (list, Glance::At(names)),
            None => (list::list(rules, directory)?, Glance::Everywhere),
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
        let (scan, absent) = pass.run(&list, glance)?;
        self.last = Some(Last { list, absent });
        Ok(scan)
    }
}

/// The list as these names have become, with their paths in the folder; `None` where that takes
/// reading the folder anew.
fn renew(mut list: List, directory: &Path, news: &ChangedPaths) -> Option<(List, Vec<PathBuf>)> {
    let ChangedPaths::Names(names) = news else { return None };
    let mut paths = Vec::with_capacity(names.len());
    list.mark_anew(directory);
    for name in names {
        let path = name.strip_prefix(directory).ok()?;
        if path.to_str().is_none() || !list.renew(directory, path) {
            return None;
        }
        paths.push(path.to_path_buf());
    }
    Some((list, paths))
}
