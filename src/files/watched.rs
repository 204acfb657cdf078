//! Reads the files that `[workers.ID] watch` names: which there are, and a digest of each.
//!
//! An unchanged file costs one stat(2). A file that a program still writes to, and one that is gone
//! for less than [`REMOVED_AFTER`], counts as it was: so a save is one change.

mod walk;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::fs::CWD;

use self::walk::{Walk, walk};
use super::{
    RetryDelay,
    file_id::FileId,
    read::{ReadError, Reading, read_with_id},
    scan::REMOVED_AFTER,
};
use crate::{
    discovery::{WatchGlobs, fingerprint},
    domain::{Fingerprint, os_text},
};

/// Larger files count as changed by size and time of modification, in bytes.
const MAX_DIGESTED: u64 = 16 << 20;

/// Remembers the watched files from one look to the next. Paths are from the folder of the config.
#[derive(Clone, Debug, Default)]
pub struct WatchedFiles {
    known: HashMap<PathBuf, Known>,
    /// What the last look found, by the globs of each worker.
    last: Vec<Vec<PathBuf>>,
}

/// What one look found.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// The files of each worker, in the order of the globs that were asked for.
    pub sets: Vec<WatchedSet>,
    /// How long to wait for the next look, if something is not settled.
    pub wake: Option<Duration>,
    /// Whether a file had changed so lately that another change might bear the same time.
    pub fresh: bool,
}

/// The files that one worker watches.
#[derive(Clone, Debug, Default)]
pub struct WatchedSet {
    /// By path, each with the digest of its content.
    pub files: BTreeMap<PathBuf, Fingerprint>,
    /// What its owner should know.
    pub warnings: Vec<String>,
    /// The folders that were read.
    pub folders: BTreeSet<PathBuf>,
    /// The links that lead to files or folders of the set.
    pub links: BTreeSet<PathBuf>,
}

#[derive(Clone, Debug)]
struct Known {
    digest: Option<Fingerprint>,
    /// As long as this is equal, so is the content; `None` asks for another reading.
    file_id: Option<FileId>,
    retry_delay: Option<RetryDelay>,
    gone_since: Option<Instant>,
    fault: Option<String>,
}

impl WatchedFiles {
    /// Looks for the files of each of these globs below `base`. Blocks for as long as the disk does.
    pub fn look(&mut self, base: &Path, globs: &[Arc<WatchGlobs>], now: Instant) -> Watched {
        let mut watched = Watched::default();
        let walks: Vec<Walk> = globs.iter().map(|globs| walk(base, globs)).collect();
        let found: BTreeSet<&PathBuf> = walks.iter().flat_map(|walk| &walk.files).collect();
        for path in found {
            self.read(base, path, now, &mut watched);
        }
        for (globs, walk) in globs.iter().zip(&walks) {
            let mut paths: BTreeSet<PathBuf> = walk.files.iter().cloned().collect();
            for (path, known) in &mut self.known {
                if paths.contains(path) || !globs.matches(path) {
                    continue;
                }
                let is_unseen = walk.unreadable.iter().any(|(folder, _)| path.starts_with(folder));
                if is_unseen || known.stays(now, &mut watched.wake) {
                    paths.insert(path.clone());
                }
            }
            watched.sets.push(self.set(walk, &paths));
        }
        let held: BTreeSet<&PathBuf> = watched.sets.iter().flat_map(|s| s.files.keys()).collect();
        let is_here = |path: &PathBuf| walks.iter().any(|walk| walk.files.contains(path));
        self.known.retain(|path, _| held.contains(path) || is_here(path));
        self.last = walks.into_iter().map(|walk| walk.files).collect();
        watched
    }

    /// Whether another look would certainly find what the last one found.
    #[must_use]
    pub fn is_as_left(&self, base: &Path, globs: &[Arc<WatchGlobs>]) -> bool {
        let is_unchanged = |path: &PathBuf| {
            let file_id = self.known.get(path).and_then(|known| known.file_id);
            file_id.is_some() && FileId::at(CWD, &base.join(path)) == Ok(file_id)
        };
        self.known.values().all(|known| known.gone_since.is_none())
            && self.last.len() == globs.len()
            && globs.iter().zip(&self.last).all(|(globs, last)| {
                walk(base, globs).files == *last && last.iter().all(is_unchanged)
            })
    }

    fn set(&self, walk: &Walk, paths: &BTreeSet<PathBuf>) -> WatchedSet {
        let mut warnings: Vec<String> = walk
            .unreadable
            .iter()
            .map(|(folder, fault)| format!("watches `{}`: {fault}", os_text::shown_path(folder)))
            .collect();
        warnings.extend(walk.cut.clone());
        let mut files = BTreeMap::new();
        for path in paths {
            let Some(known) = self.known.get(path) else { continue };
            let fault = known.fault.as_ref();
            warnings.extend(
                fault.map(|fault| format!("watches `{}`: {fault}", os_text::shown_path(path))),
            );
            files.extend(known.digest.map(|digest| (path.clone(), digest)));
        }
        WatchedSet { files, warnings, folders: walk.folders.clone(), links: walk.links.clone() }
    }

    /// Reads a file if it is new or may have changed.
    fn read(&mut self, base: &Path, path: &Path, now: Instant, watched: &mut Watched) {
        let full = base.join(path);
        let before = self.known.get(path);
        let is_same =
            |known: &Known| known.file_id.is_some() && FileId::at(CWD, &full) == Ok(known.file_id);
        if before.is_some_and(|known| is_same(known) && known.gone_since.is_none()) {
            return;
        }
        let digest_before = before.and_then(|known| known.digest);
        let mut known = Known {
            digest: digest_before,
            file_id: None,
            retry_delay: None,
            gone_since: None,
            fault: None,
        };
        match read_with_id(&full, MAX_DIGESTED) {
            Ok(Reading::Content(content, file_id)) => {
                known.digest = Some(fingerprint(&content));
                known.file_id = Some(file_id).filter(FileId::is_quiet);
                watched.fresh |= known.file_id.is_none();
            }
            Ok(Reading::Held) => {
                let retry_delay = before.and_then(|known| known.retry_delay);
                let mut retry_delay = retry_delay.unwrap_or_else(|| RetryDelay::new(now));
                retry_delay.go_on(now);
                wake_in(&mut watched.wake, retry_delay.remaining(now));
                known.retry_delay = Some(retry_delay);
            }
            // It went since its name was read: the next look misses it.
            Ok(Reading::Missing) => wake_in(&mut watched.wake, REMOVED_AFTER),
            Err(ReadError::TooLarge { .. }) => {
                let metadata = fs::metadata(&full).ok();
                known.digest = metadata.as_ref().map(|metadata| {
                    let (size, time) = (metadata.size(), metadata.mtime());
                    let facts = format!("{size} {time} {}", metadata.mtime_nsec());
                    fingerprint(facts.as_bytes())
                });
                known.file_id = metadata.map(|m| FileId::of(&m)).filter(FileId::is_quiet);
                watched.fresh |= known.file_id.is_none();
            }
            Err(ReadError::NotRegular(_)) => known.digest = None,
            Err(error @ ReadError::Io(_)) => {
                known.digest = Some(digest_before.unwrap_or_default());
                known.fault = Some(error.to_string());
            }
        }
        self.known.insert(path.to_path_buf(), known);
    }
}

impl Known {
    /// Whether a file that is gone still counts: many programs save by moving the old file away
    /// before the new one is in place.
    fn stays(&mut self, now: Instant, wake: &mut Option<Duration>) -> bool {
        let gone_since = *self.gone_since.get_or_insert(now);
        let left = REMOVED_AFTER.saturating_sub(now.saturating_duration_since(gone_since));
        if !left.is_zero() {
            wake_in(wake, left);
        }
        !left.is_zero()
    }
}

fn wake_in(wake: &mut Option<Duration>, left: Duration) {
    *wake = Some(wake.map_or(left, |wake| wake.min(left)));
}

#[cfg(test)]
mod tests;
