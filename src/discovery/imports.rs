//! Sorts the imports of a file into packages that a rule asks for, and local files.

use std::{borrow::Cow, collections::BTreeSet};

use memchr::memchr_iter;

use super::{
    code::{CodeView, Import, ImportKind},
    constants::{Constant, constants},
    graph::MAX_FILES,
    local::{Local, Named, Way},
};

/// A package that a rule asks for and the file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PackageUse {
    /// Its place in the rules' list of packages.
    pub(super) package: usize,
    pub(super) kind: ImportKind,
    pub(super) line: u32,
}

/// What the code of a JavaScript file names, in order.
pub(super) fn javascript_names<'a>(text: &'a str, view: &CodeView) -> Vec<Named<'a>> {
    let of_import = |import: &Import| Named {
        specifier: Cow::Borrowed(&text[import.specifier.clone()]),
        at: import.at,
        kind: import.kind,
        way: if text[import.at..].starts_with("import") || import.kind == ImportKind::Reexport {
            Way::Import
        } else {
            Way::Require
        },
        is_local_only: false,
    };
    let of_constant = |constant: Constant| Named {
        specifier: Cow::Owned(constant.specifier),
        at: constant.at,
        kind: ImportKind::Use,
        way: constant.way,
        is_local_only: constant.is_local_only,
    };
    let mut names: Vec<Named<'_>> = view.imports.iter().map(of_import).collect();
    names.extend(constants(text, view).into_iter().map(of_constant));
    names.sort_by_key(|named| named.at);
    names
}

/// The packages and the local files that the code names, each once, where it first does. `names`
/// are in order.
pub(super) fn module_uses(
    text: &str,
    names: Vec<Named<'_>>,
    packages: &[String],
) -> (Vec<PackageUse>, Vec<Local>) {
    let (mut uses, mut locals) = (Vec::<PackageUse>::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let mut lines = Lines::of(text);
    for named in names {
        let Named { specifier, at, kind, way, is_local_only } = named;
        let package =
            packages.iter().position(|p| !is_local_only && is_of_package(&specifier, way, p));
        let known = |package| uses.iter().any(|u| u.package == package && u.kind == kind);
        if let Some(package) = package.filter(|package| !known(*package)) {
            uses.push(PackageUse { package, kind, line: lines.at(at) });
        }
        // More than a graph may hold are never followed, so they need not be kept either.
        let is_new = locals.len() <= MAX_FILES && !specifier.starts_with("node:");
        if is_new && seen.insert((specifier.clone(), way)) {
            locals.push(Local { specifier: specifier.into_owned(), line: lines.at(at), way });
        }
    }
    (uses, locals)
}

/// Whether a module's name is this package or a path in it. Python writes an underscore where the
/// name of a package has a hyphen, and a dot where a path goes on.
fn is_of_package(specifier: &str, way: Way, package: &str) -> bool {
    let is_python = way == Way::Python;
    let package = if is_python { Cow::Owned(package.replace('-', "_")) } else { package.into() };
    let separator = if is_python { '.' } else { '/' };
    specifier
        .strip_prefix(&*package)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
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
