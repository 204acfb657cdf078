//! Walks the folders in which watched files may lie, within bounds.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{discovery::WatchGlobs, files::read::is_missing};

/// So many files are watched for one worker.
const MAX_FILES: usize = 4096;

/// So many names are looked at for one worker: a glob like `**` over a large tree ends here.
const MAX_NAMES: usize = 65_536;

/// Folders in folders are entered so deep.
const MAX_DEPTH: usize = 32;

/// What one walk found; paths from the folder that it began in.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The files that match, in order.
    pub(super) files: Vec<PathBuf>,
    pub(super) folders: BTreeSet<PathBuf>,
    pub(super) links: BTreeSet<PathBuf>,
    /// The folders that could not be read, and why.
    pub(super) unreadable: Vec<(PathBuf, String)>,
    /// That not all is watched, and why.
    pub(super) cut: Option<String>,
    names: usize,
}

/// Looks for the files that match. A link to a folder is followed only where a glob spells it out,
/// so no circle of links is entered.
pub(super) fn walk(base: &Path, globs: &WatchGlobs) -> Walk {
    let mut walk = Walk::default();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        match walk.names(base, &folder) {
            Ok(names) => {
                walk.folders.insert(folder);
                for (path, is_link) in names {
                    if walk.is_folder_entered(base, globs, &path, is_link) {
                        folders.push(path);
                    }
                }
            }
            Err(error) if is_missing(&error) => {}
            Err(error) => walk.unreadable.push((folder, error.to_string())),
        }
        if walk.cut.is_some() {
            break;
        }
    }
    walk.files.sort_unstable();
    walk
}

impl Walk {
    /// The names in a folder, in order, each with whether it is a link.
    fn names(&mut self, base: &Path, folder: &Path) -> std::io::Result<Vec<(PathBuf, bool)>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(base.join(folder))? {
            let entry = entry?;
            self.names += 1;
            if self.names > MAX_NAMES {
                self.cut = Some(format!(
                    "`watch` leads through more than {MAX_NAMES} names; changes of files beyond \
                     those replace nothing"
                ));
                break;
            }
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            names.push((folder.join(entry.file_name()), is_link));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Takes up a file that matches; returns whether it is a folder that is to be entered.
    fn is_folder_entered(
        &mut self,
        base: &Path,
        globs: &WatchGlobs,
        path: &Path,
        is_link: bool,
    ) -> bool {
        let (is_match, may_enter) = (globs.matches(path), globs.enters(path));
        if !is_match && !may_enter {
            return false;
        }
        // A link that leads nowhere yet may lead to a file later.
        if is_link {
            self.links.insert(path.to_path_buf());
        }
        let Ok(metadata) = fs::metadata(base.join(path)) else { return false };
        if metadata.is_dir() {
            let is_near = path.components().count() <= MAX_DEPTH;
            return may_enter && is_near && (!is_link || globs.spells(path));
        }
        if is_match && metadata.is_file() {
            if self.files.len() < MAX_FILES {
                self.files.push(path.to_path_buf());
            } else {
                self.cut = Some(format!(
                    "`watch` matches more than {MAX_FILES} files; changes of others than those \
                     replace nothing"
                ));
            }
        }
        false
    }
}
