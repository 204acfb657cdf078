//! Sorts the imports of a file into packages that a rule asks for, and local files.

use std::collections::BTreeSet;

use memchr::memchr_iter;

use super::{
    code::{CodeView, Import, ImportKind},
    graph::MAX_FILES,
};

/// A local file that a file imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// As the code spells it: `./shared/client`.
    pub specifier: String,
    /// The line of the import, from 1.
    pub line: u32,
}

/// A package that a rule asks for and the file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PackageUse {
    /// Its place in the rules' list of packages.
    pub(super) package: usize,
    pub(super) kind: ImportKind,
    pub(super) line: u32,
}

/// The packages and the local files that the code names, each once, where it first does.
pub(super) fn module_uses(
    text: &str,
    view: &CodeView,
    packages: &[String],
) -> (Vec<PackageUse>, Vec<Local>) {
    let (mut uses, mut locals) = (Vec::<PackageUse>::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let mut lines = Lines::of(text);
    let mut imports: Vec<&Import> = view.imports.iter().collect();
    imports.sort_by_key(|import| import.at);
    for import in imports {
        let specifier = &text[import.specifier.clone()];
        if is_local(specifier) {
            // More than a graph may hold are never followed, so they need not be kept either.
            if locals.len() <= MAX_FILES && seen.insert(specifier) {
                locals.push(Local { specifier: specifier.to_owned(), line: lines.at(import.at) });
            }
            continue;
        }
        let named = packages.iter().position(|p| is_of_package(specifier, p));
        let known = |package| uses.iter().any(|u| u.package == package && u.kind == import.kind);
        if let Some(package) = named.filter(|package| !known(*package)) {
            uses.push(PackageUse { package, kind: import.kind, line: lines.at(import.at) });
        }
    }
    (uses, locals)
}

/// Whether a module's name is this package or a path in it.
fn is_of_package(specifier: &str, package: &str) -> bool {
    specifier.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_local(specifier: &str) -> bool {
    matches!(specifier, "." | "..") || specifier.starts_with("./") || specifier.starts_with("../")
}

/// Counts lines up to places that are asked for in rising order, so that all of them together
/// cost one pass.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Self { text: text.as_bytes(), at: 0, line: 1 }
    }

    /// The line of this place, from 1.
    pub(super) fn at(&mut self, place: usize) -> u32 {
        let ends = memchr_iter(b'\n', &self.text[self.at..place.max(self.at)]).count();
        self.line = self.line.saturating_add(u32::try_from(ends).unwrap_or(u32::MAX));
        self.at = place.max(self.at);
        self.line
    }
}
