//! Follows what files import: looks at each file that an import may mean, and at the packages in
//! `node_modules` that are links.

use std::{
    collections::{HashSet, VecDeque},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    known::{Known, Presence},
    pass::Pass,
};
use crate::{
    discovery::{Installed, Local, MAX_DEPTH, MAX_FILES, Manifest, Sites, resolve},
    domain::os_text,
    files::writable::anyone_may_write,
};

impl Pass<'_> {
    /// Looks at the files that possible workers import, directly or not; at each once, however
    /// many come to it.
    pub(super) fn follow_imports(&mut self) {
        let imports = |path: &PathBuf, known: &Known| {
            known.is_root
                && self.presences.get(path) == Some(&Presence::Present)
                && known.analysis().is_some_and(|analysis| !analysis.locals.is_empty())
        };
        let roots = self.known_paths(imports);
        let bound = roots.len().saturating_mul(MAX_FILES);
        let mut seen: HashSet<PathBuf> = roots.iter().cloned().collect();
        let mut queue: VecDeque<(PathBuf, usize)> =
            roots.into_iter().map(|root| (root, 0)).collect();
        while let Some((file, depth)) = queue.pop_front() {
            // A step further than workers are followed, so that there it is seen that more follows.
            if depth > MAX_DEPTH || seen.len() > bound {
                continue;
            }
            for import in self.imports(&file) {
                if seen.insert(import.clone()) {
                    queue.push_back((import, depth + 1));
                }
            }
        }
    }

    fn imports(&mut self, file: &Path) -> Vec<PathBuf> {
        let Some(analysis) = self.memory.files.get(file).and_then(Known::analysis).cloned() else {
            return Vec::new();
        };
        analysis.locals.iter().filter_map(|local| self.resolve(file, local)).collect()
    }

    fn resolve(&mut self, file: &Path, local: &Local) -> Option<PathBuf> {
        let roots = self.import_roots.clone();
        resolve(&roots, file, local, self)
    }

    /// Where the link of a package ends, in the paths of the listing, if it is to be followed.
    fn linked(&self, link: &Path) -> Option<PathBuf> {
        let outermost = fs::canonicalize(self.outermost).ok()?;
        let target = fs::canonicalize(link).ok()?;
        let inner = target.strip_prefix(&outermost).ok()?;
        let is_installed = inner.components().any(|part| part.as_os_str() == "node_modules");
        self.import_roots.in_outermost(inner).filter(|_| !is_installed)
    }
}

impl Sites for Pass<'_> {
    fn is_file(&mut self, path: &Path) -> bool {
        self.look(path) == Presence::Present
    }

    fn manifest(&mut self, path: &Path) -> Option<Arc<Manifest>> {
        (self.look(path) == Presence::Present)
            .then(|| self.memory.files.get(path)?.analysis()?.manifest.clone())?
    }

    fn installed(&mut self, path: &Path) -> Option<Installed> {
        if let Some(installed) = self.packages.get(path) {
            return installed.clone();
        }
        let full = self.directory.join(path);
        let found = fs::symlink_metadata(&full).ok();
        let installed = found.map(|metadata| {
            if metadata.is_symlink() {
                return self.linked(&full).map_or(Installed::Copy, Installed::Linked);
            }
            let folder = full.parent().unwrap_or(&full);
            let above = fs::metadata(folder).map_or(0, |metadata| metadata.mode());
            let open = [(full.as_path(), metadata.mode()), (folder, above)];
            let open = open.iter().find(|(path, mode)| anyone_may_write(|| path.to_path_buf(), *mode));
            open.map_or(Installed::Copy, |(open, _)| {
                Installed::Open(format!(
                    "imports the package `{}`, and anyone may write to `{}`; run `chmod o-w` on that",
                    package_name(path),
                    os_text::shown_path(open)
                ))
            })
        });
        self.packages.insert(path.to_path_buf(), installed.clone());
        installed
    }
}

/// The name of a package by its path: what follows `node_modules`.
fn package_name(path: &Path) -> String {
    let parts = path.iter().skip_while(|part| *part != "node_modules").skip(1);
    os_text::shown_path(&parts.collect::<PathBuf>())
}
