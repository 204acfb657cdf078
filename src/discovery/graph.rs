//! Which local files belong to a file: those that it imports, and those that they import.

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
pub struct Reach {
    /// By path; the file itself is not among them.
    pub files: Vec<PathBuf>,
    /// Whether there are more than are followed.
    pub is_cut: bool,
}

/// The paths that `specifier` may mean in the file `from`, in the order in which Node tries them.
///
/// Paths are relative to the folder of workers. None if the specifier leads out of it.
#[must_use]
pub fn local_paths(from: &Path, specifier: &str) -> Vec<PathBuf> {
    let plain = specifier.split(['?', '#']).next().unwrap_or_default();
    let mut path = from.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    for part in Path::new(plain).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::ParentDir if !path.pop() => return Vec::new(),
            Component::ParentDir | Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return Vec::new(),
        }
    }
    let is_folder = plain.ends_with('/') || path.as_os_str().is_empty() || plain.ends_with("..");
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
    from: &Path,
    specifier: &str,
    mut is_file: impl FnMut(&Path) -> bool,
) -> Option<PathBuf> {
    local_paths(from, specifier).into_iter().find(|path| is_file(path))
}

/// The files that belong to `root`, near ones first, up to the bounds. `imports` says what a
/// file imports.
pub fn reach(root: &Path, mut imports: impl FnMut(&Path) -> Vec<PathBuf>) -> Reach {
    let mut reach = Reach::default();
    let mut seen = BTreeSet::from([root.to_path_buf()]);
    let mut queue = VecDeque::from([(root.to_path_buf(), 0)]);
    while let Some((file, depth)) = queue.pop_front() {
        for import in imports(&file) {
            if seen.contains(&import) {
                continue;
            }
            if depth == MAX_DEPTH || reach.files.len() == MAX_FILES {
                reach.is_cut = true;
                continue;
            }
            seen.insert(import.clone());
            reach.files.push(import.clone());
            queue.push_back((import, depth + 1));
        }
    }
    reach.files.sort();
    reach
}
