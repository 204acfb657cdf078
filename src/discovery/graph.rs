//! The import graph: which local files a file imports, directly and through others.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::{Component, Path, PathBuf},
};

use percent_encoding::percent_decode_str;

/// Imports are followed so many steps from a worker.
pub const MAX_DEPTH: usize = 64;

/// So many files are followed for one worker. A large application has some hundred; this ends a
/// walk into an unpacked library.
pub const MAX_FILES: usize = 4096;

/// The files that belong to one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportClosure {
    /// By path; the file itself is not among them.
    pub files: Vec<PathBuf>,
    /// Whether there are more than are followed.
    pub is_cut: bool,
}

/// Where imports are followed: the folder of workers, and what lies below some folder above it.
///
/// Paths are relative to the folder of workers. One that is beside it begins with `..`, and there
/// is one way only to write a path, so that a file is one file whoever imports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportRoots {
    /// The outermost folder, absolute.
    outermost: PathBuf,
    /// The way from there down to the folder of workers.
    above: PathBuf,
}

impl ImportRoots {
    /// All that lies below `outermost`, if that is above the folder of workers; else that folder
    /// alone.
    #[must_use]
    pub fn new(outermost: &Path, directory: &Path) -> Self {
        let above = directory.strip_prefix(outermost).ok();
        let is_plain = |path: &&Path| path.components().all(|p| matches!(p, Component::Normal(_)));
        match above.filter(is_plain) {
            Some(above) => Self { outermost: outermost.to_owned(), above: above.to_owned() },
            None => Self { outermost: directory.to_owned(), above: PathBuf::new() },
        }
    }

    /// Where a path or a `file:` address leads that stands in the file `from`, if not out of these
    /// folders.
    #[must_use]
    pub fn follow(&self, from: &Path, way: &str) -> Option<PathBuf> {
        let way = way.split(['?', '#']).next().unwrap_or_default();
        let address = way.strip_prefix("file:").map(|path| path.strip_prefix("//").unwrap_or(path));
        let decoded = address.map(|path| percent_decode_str(path).decode_utf8_lossy());
        let way = Path::new(decoded.as_deref().unwrap_or(way));
        if way.is_absolute() {
            return self.in_outermost(way.strip_prefix(&self.outermost).ok()?);
        }
        self.plain(from.parent().unwrap_or(from), way)
    }

    /// Where a path from the outermost folder leads.
    #[must_use]
    pub fn in_outermost(&self, way: &Path) -> Option<PathBuf> {
        let up: PathBuf = self.above.components().map(|_| Component::ParentDir).collect();
        self.plain(&up, way)
    }

    /// The path from the outermost folder of a path from the folder of workers.
    #[must_use]
    pub fn relative_to_outermost(&self, path: &Path) -> Option<PathBuf> {
        self.descend(path, Path::new(""))
    }

    /// The folder of a file, and those above it, up to the outermost one.
    #[must_use]
    pub fn upward(&self, file: &Path) -> Vec<PathBuf> {
        let inner = self.relative_to_outermost(file).unwrap_or_default();
        let folders = inner.ancestors().skip(1);
        folders.filter_map(|folder| self.in_outermost(folder)).collect()
    }

    /// The one way to write where a relative path leads from a folder.
    fn plain(&self, folder: &Path, way: &Path) -> Option<PathBuf> {
        let path = self.descend(folder, way)?;
        if let Ok(inner) = path.strip_prefix(&self.above) {
            return Some(inner.to_path_buf());
        }
        let common = path.components().zip(self.above.components());
        let common = common.take_while(|(one, other)| one == other).count();
        let up = self.above.components().skip(common).map(|_| Component::ParentDir);
        Some(up.chain(path.components().skip(common)).collect())
    }

    fn descend(&self, folder: &Path, way: &Path) -> Option<PathBuf> {
        let mut path = self.above.clone();
        for part in folder.components().chain(way.components()) {
            match part {
                Component::Normal(name) => path.push(name),
                Component::ParentDir if !path.pop() => return None,
                Component::ParentDir | Component::CurDir => {}
                Component::RootDir | Component::Prefix(_) => return None,
            }
        }
        Some(path)
    }
}

/// Whether a path leads out of the folder of workers.
#[must_use]
pub fn is_beside(path: &Path) -> bool {
    path.components().next() == Some(Component::ParentDir)
}

/// The files that belong to `root`, near ones first, up to the bounds. `imports` says what a
/// file imports.
pub fn import_closure(
    root: &Path,
    mut imports: impl FnMut(&Path) -> Vec<PathBuf>,
) -> ImportClosure {
    let mut closure = ImportClosure::default();
    let mut seen = BTreeSet::from([root.to_path_buf()]);
    let mut queue = VecDeque::from([(root.to_path_buf(), 0)]);
    while let Some((file, depth)) = queue.pop_front() {
        for import in imports(&file) {
            if seen.contains(&import) {
                continue;
            }
            if depth == MAX_DEPTH || closure.files.len() == MAX_FILES {
                closure.is_cut = true;
                continue;
            }
            seen.insert(import.clone());
            closure.files.push(import.clone());
            queue.push_back((import, depth + 1));
        }
    }
    closure.files.sort();
    closure
}

/// The file of `root`'s own imports by which it comes to `target`.
pub(super) fn first_step(
    root: &Path,
    target: &Path,
    mut imports: impl FnMut(&Path) -> Vec<PathBuf>,
) -> Option<PathBuf> {
    let mut importers = BTreeMap::from([(root.to_path_buf(), PathBuf::new())]);
    let mut queue = VecDeque::from([root.to_path_buf()]);
    while let Some(file) = queue.pop_front() {
        if file == target {
            let mut step = file;
            while importers.get(&step).is_some_and(|importer| importer != root) {
                step.clone_from(importers.get(&step)?);
            }
            return Some(step);
        }
        for import in imports(&file) {
            if !importers.contains_key(&import) && importers.len() <= MAX_FILES {
                importers.insert(import.clone(), file.clone());
                queue.push_back(import);
            }
        }
    }
    None
}
