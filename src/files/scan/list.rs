//! The list of the names in the folder of workers, before any file is looked at.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::CWD;

use super::outcome::ScanError;
use crate::{
    discovery::Rules,
    files::{file_id::FileId, read::is_missing, writable::anyone_may_write},
};

/// Folders in folders are entered so deep. Links to folders are not followed, so only a folder
/// that is truly so deep ends here.
const MAX_DEPTH: usize = 32;

/// The names in a folder.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    /// The folder's true path.
    pub(super) canonical: PathBuf,
    /// The folder itself, as it was when it was read.
    pub(super) folder_id: Option<FileId>,
    /// What is in it, by path in it.
    pub(super) names: Vec<Name>,
    /// The folders in it that were entered.
    pub(super) entered: Vec<Entered>,
    /// Whether the times of a folder change with every name that comes or goes.
    has_reliable_times: bool,
    /// The folders in it that could not be read, and why. What was known to be in them is not
    /// gone.
    pub(super) unreadable: Vec<(PathBuf, String)>,
}

/// A folder that was read.
#[derive(Clone, Debug)]
pub(super) struct Entered {
    pub(super) path: PathBuf,
    /// Its id before it was read, if a later change would show in it.
    pub(super) file_id: Option<FileId>,
}

/// Something in a folder.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

/// What a name stands for, as far as the folder itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    Link,
    /// A file, or something that is to be looked at.
    Other,
}

/// Lists the folder, and the folders in it if the rules say so.
pub(super) fn list(rules: &Rules, directory: &Path) -> Result<List, ScanError> {
    let fault = |error| ScanError::of(directory, error);
    let canonical = fs::canonicalize(directory).map_err(fault)?;
    let metadata = fs::metadata(&canonical).map_err(fault)?;
    if !metadata.is_dir() {
        return Err(ScanError::NotFolder(directory.to_path_buf()));
    }
    if !rules.accepts_open() && anyone_may_write(|| canonical.clone(), metadata.mode()) {
        return Err(ScanError::Open(directory.to_path_buf()));
    }
    let has_reliable_times = has_reliable_times(&canonical);
    let folder_id = Some(FileId::of(&metadata));
    let mut list = List { canonical, folder_id, has_reliable_times, ..List::default() };
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let file_id = list.id_of(directory, &folder);
        match names(directory, &folder) {
            Ok(names) => {
                let inner = names.iter().filter(|name| enters(rules, name));
                folders.extend(inner.map(|name| name.path.clone()));
                list.names.extend(names);
                list.entered.push(Entered { path: folder, file_id });
            }
            Err(error) if folder.as_os_str().is_empty() => return Err(fault(error)),
            Err(error) => list.unreadable.push((folder, error.to_string())),
        }
    }
    list.names.sort_unstable_by(|one, other| one.path.as_os_str().cmp(other.path.as_os_str()));
    Ok(list)
}

/// Whether the file system is one that keeps the times of folders itself. Network and overlay file
/// systems may show files from elsewhere, and those come and go without a change of a folder here.
fn has_reliable_times(directory: &Path) -> bool {
    // From linux/magic.h: ext2 to 4, XFS, Btrfs, F2FS, tmpfs.
    const LOCAL: [i64; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];
    #[expect(clippy::unnecessary_cast, reason = "the kernel's type differs between processors")]
    rustix::fs::statfs(directory).is_ok_and(|system| LOCAL.contains(&(system.f_type as i64)))
}

impl List {
    /// Whether a folder had changed so lately that another change might bear the same time.
    pub(super) fn is_fresh(&self) -> bool {
        self.has_reliable_times && self.entered.iter().any(|entered| entered.file_id.is_none())
    }

    /// Takes the ids of the folders as they are now. Call it before [`List::update`]: then what
    /// changes later shows as a difference.
    pub(super) fn refresh_ids(&mut self, directory: &Path) {
        for at in 0..self.entered.len() {
            self.entered[at].file_id = self.id_of(directory, &self.entered[at].path);
        }
    }

    fn id_of(&self, directory: &Path, folder: &Path) -> Option<FileId> {
        let file_id = FileId::at(CWD, &directory.join(folder)).ok().flatten();
        file_id.filter(|file_id| self.has_reliable_times && file_id.is_quiet())
    }

    /// Updates the list for one path in the folder. `false` means that the folder must be read
    /// again.
    pub(super) fn update(&mut self, directory: &Path, path: &Path) -> bool {
        let folder = path.parent().unwrap_or(path);
        if !self.entered.iter().any(|entered| entered.path == folder) {
            // It is the path of a helper, or of one that may come: the list has no such names.
            return !self.unreadable.iter().any(|(closed, _)| path.starts_with(closed));
        }
        let order = |name: &Name| name.path.as_os_str().cmp(path.as_os_str());
        let place = self.names.binary_search_by(order);
        let kind = match fs::symlink_metadata(directory.join(path)) {
            Ok(metadata) if metadata.is_dir() => return false,
            Ok(metadata) if metadata.is_symlink() => Some(Kind::Link),
            Ok(_) => Some(Kind::Other),
            Err(error) if is_missing(&error) => None,
            Err(_) => return false,
        };
        match (place, kind) {
            (Ok(at), _) if self.names[at].kind == Kind::Folder => return false,
            (Ok(at), Some(kind)) => self.names[at].kind = kind,
            (Ok(at), None) => drop(self.names.remove(at)),
            (Err(at), Some(kind)) => {
                self.names.insert(at, Name { path: path.to_path_buf(), kind });
            }
            (Err(_), None) => {}
        }
        true
    }
}

fn enters(rules: &Rules, name: &Name) -> bool {
    rules.is_recursive()
        && name.kind == Kind::Folder
        && name.path.components().count() <= MAX_DEPTH
        && !rules.is_closed(&name.path)
}

fn names(directory: &Path, folder: &Path) -> std::io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory.join(folder))? {
        let entry = entry?;
        let name = entry.file_name();
        let kind = match entry.file_type() {
            Ok(kind) if kind.is_dir() => Kind::Folder,
            Ok(kind) if kind.is_symlink() => Kind::Link,
            _ => Kind::Other,
        };
        names.push(Name { path: folder.join(name), kind });
    }
    Ok(names)
}
