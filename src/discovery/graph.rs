//! The import graph: which local files a file imports, directly and through others.

use std::{
    collections::{BTreeSet, VecDeque},
    path::{Component, Path, PathBuf},
};

/// Imports are followed so many steps from a worker.
const MAX_DEPTH: usize = 8;

/// So many files are followed for one worker. Real ones have a handful; this ends a walk into an
/// unpacked library.
pub(super) const MAX_FILES: usize = 256;

/// What Node tries after the bare path, in its order.
const ENDINGS: [&str; 4] = ["js", "mjs", "cjs", "json"];

/// What Node tries in a folder.
const INDEXES: [&str; 3] = ["index.js", "index.mjs", "index.cjs"];

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
    /// The way from the outermost folder down to that of the workers.
    above: PathBuf,
}

impl ImportRoots {
    /// All that lies below `outermost`, if that is above the folder of workers; else that folder
    /// alone.
    #[must_use]
    pub fn new(outermost: &Path, directory: &Path) -> Self {
        let above = directory.strip_prefix(outermost).ok();
        let is_plain = |path: &&Path| path.components().all(|p| matches!(p, Component::Normal(_)));
        Self { above: above.filter(is_plain).map(Path::to_path_buf).unwrap_or_default() }
    }

    /// The paths that `specifier` may mean in the file `from`, in the order in which Node tries
    /// them. None if the specifier leads out of these folders.
    #[must_use]
    pub fn local_paths(&self, from: &Path, specifier: &str) -> Vec<PathBuf> {
        let plain = specifier.split(['?', '#']).next().unwrap_or_default();
        let Some(path) = self.resolve_relative(from, plain) else { return Vec::new() };
        let is_folder = plain.ends_with('/') || plain.ends_with("..") || path.file_name().is_none();
        let mut paths = Vec::with_capacity(1 + ENDINGS.len() + INDEXES.len());
        if !is_folder && plain != "." {
            paths.push(path.clone());
            for ending in ENDINGS {
                let mut name = path.clone().into_os_string();
                name.push(".");
                name.push(ending);
                paths.push(name.into());
            }
        }
        paths.extend(INDEXES.map(|index| path.join(index)));
        paths
    }

    /// The file that `specifier` means in the file `from`, by what there is.
    pub fn resolve(
        &self,
        from: &Path,
        specifier: &str,
        mut is_file: impl FnMut(&Path) -> bool,
    ) -> Option<PathBuf> {
        self.local_paths(from, specifier).into_iter().find(|path| is_file(path))
    }

    /// Where a relative path leads from the folder of a file.
    fn resolve_relative(&self, from: &Path, way: &str) -> Option<PathBuf> {
        let mut path = self.above.clone();
        let folder = from.parent().into_iter().flat_map(Path::components);
        for part in folder.chain(Path::new(way).components()) {
            match part {
                Component::Normal(name) => path.push(name),
                Component::ParentDir if !path.pop() => return None,
                Component::ParentDir | Component::CurDir => {}
                Component::RootDir | Component::Prefix(_) => return None,
            }
        }
        if let Ok(inner) = path.strip_prefix(&self.above) {
            return Some(inner.to_path_buf());
        }
        let common = path.components().zip(self.above.components());
        let common = common.take_while(|(one, other)| one == other).count();
        let up = self.above.components().skip(common).map(|_| Component::ParentDir);
        Some(up.chain(path.components().skip(common)).collect())
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
