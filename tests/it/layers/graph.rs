//! Which file uses a name that another one defines, and the circles that this makes.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    paths::{Paths, paths},
    source::Source,
};

/// How many re-exports a name may come through.
const DEPTH: usize = 16;

/// All modules, by their paths.
pub(super) struct Modules<'a> {
    by_path: BTreeMap<String, Module<'a>>,
}

struct Module<'a> {
    source: &'a Source,
    paths: Paths,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    /// To the module itself.
    Module(String),
    /// To a name that is defined in this module.
    Item(String),
}

impl<'a> Modules<'a> {
    pub(super) fn new(sources: &'a [Source]) -> Self {
        let module = |source: &'a Source| Module { source, paths: paths(&source.code) };
        Self { by_path: sources.iter().map(|s| (s.module(), module(s))).collect() }
    }

    /// For each file, the files that define a name that it uses.
    pub(super) fn edges(&self) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
        let edges = self.by_path.iter().map(|(path, module)| {
            let used = self.used_by(path, module).into_iter();
            let files = used.map(|used| self.by_path[&used].source.name.as_str());
            let name = module.source.name.as_str();
            (name, files.filter(|file| *file != name).collect())
        });
        edges.collect()
    }

    /// The modules that define a name that this one uses.
    fn used_by(&self, path: &str, module: &Module<'_>) -> BTreeSet<String> {
        let Paths { imports, inline, words } = &module.paths;
        // What a module only hands on, it does not use.
        let is_used = |name: &String| words.contains(name);
        let own = imports.iter().filter(|import| !import.is_public || is_used(&import.name));
        let all = own.map(|import| &import.path).chain(inline);
        let targets = all.filter_map(|used| self.resolve(path, used, DEPTH));
        let item = |target| match target {
            Target::Item(module) => Some(module),
            Target::Module(_) => None,
        };
        targets.filter_map(item).collect()
    }

    /// Where a path leads that is used in the module `from`; `None` if out of the crate, or to a
    /// name of the module's own.
    fn resolve(&self, from: &str, path: &[String], depth: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let depth = depth.checked_sub(1)?;
        match first.as_str() {
            "crate" => self.walk(String::new(), rest, depth),
            "self" => self.walk(from.to_owned(), rest, depth),
            "super" => self.walk(parent(from)?, rest, depth),
            _ if self.by_path.contains_key(&child(from, first)) => {
                self.walk(child(from, first), rest, depth)
            }
            _ => self.imported(from, first, rest, depth),
        }
    }

    fn walk(&self, mut module: String, path: &[String], depth: usize) -> Option<Target> {
        for (index, segment) in path.iter().enumerate() {
            let below = child(&module, segment);
            if segment == "super" {
                module = parent(&module)?;
            } else if self.by_path.contains_key(&below) {
                module = below;
            } else {
                let target = self.imported(&module, segment, &path[index + 1..], depth);
                return target.or(Some(Target::Item(module)));
            }
        }
        Some(Target::Module(module))
    }

    /// Where a name leads that a module has by an import.
    fn imported(&self, module: &str, name: &str, rest: &[String], depth: usize) -> Option<Target> {
        let imports = &self.by_path.get(module)?.paths.imports;
        let import = imports.iter().find(|import| import.name == name)?;
        let path = [&import.path, rest].concat();
        self.resolve(module, &path, depth)
    }
}

fn child(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

fn parent(module: &str) -> Option<String> {
    if module.is_empty() {
        return None;
    }
    Some(module.rsplit_once("::").map_or_else(String::new, |(above, _)| above.to_owned()))
}

/// The circles: groups of files each of which leads to all others of its group.
pub(super) fn circles<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<BTreeSet<&'a str>> {
    let reach: BTreeMap<_, _> = edges.keys().map(|file| (*file, reachable(edges, file))).collect();
    let mut circles = BTreeSet::new();
    for (file, reached) in &reach {
        if reached.contains(file) {
            circles.insert(reached.iter().copied().filter(|o| reach[o].contains(file)).collect());
        }
    }
    circles.into_iter().collect()
}

fn reachable<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = edges[from].iter().copied().collect();
    while let Some(file) = open.pop() {
        if reached.insert(file) {
            open.extend(&edges[file]);
        }
    }
    reached
}

#[cfg(test)]
fn edges_of(files: &[(&str, &str)]) -> String {
    let files = files.iter().map(|(name, text)| Source::new((*name).into(), (*text).into()));
    let sources: Vec<Source> = files.collect();
    let edges = Modules::new(&sources).edges();
    let lines = edges.iter().filter(|(_, to)| !to.is_empty());
    lines.map(|(from, to)| format!("{from} → {to:?}")).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_name_is_followed_to_the_file_that_defines_it() {
    let lib = ("lib.rs", "pub mod a; pub mod b;");
    let b = ("b.rs", "pub mod c; pub use c::{X, Y as Z}; pub struct Own;");
    let c = ("b/c.rs", "pub struct X; pub struct Y;");
    let check = |code: &str, expected: &str| {
        assert_eq!(edges_of(&[lib, ("a.rs", code), b, c]), expected, "{code}");
    };
    check("use crate::b::X;", r#"a.rs → {"b/c.rs"}"#);
    check("use crate::{b::{Own, Z}};", r#"a.rs → {"b.rs", "b/c.rs"}"#);
    check("use crate::b; fn f() { b::c::f() }", r#"a.rs → {"b/c.rs"}"#);
    check("use super::b::{self, c}; fn f() { b::Own::new() }", r#"a.rs → {"b.rs"}"#);
    check("fn f() -> crate::b::X { todo() }", r#"a.rs → {"b/c.rs"}"#);
    check("use std::fs; use serde::X; fn f() { fs::read() }", "");
}

#[test]
fn parents_and_children_may_make_a_circle() {
    let lib = ("lib.rs", "pub mod a;");
    let child = ("a/b.rs", "use super::Own; pub struct X;");
    let check = |parent: &str, expected: &str| {
        assert_eq!(edges_of(&[lib, ("a.rs", parent), child]), expected, "{parent}");
    };
    check("mod b; pub struct Own;", r#"a/b.rs → {"a.rs"}"#);
    check("mod b; pub use b::X; pub struct Own;", r#"a/b.rs → {"a.rs"}"#);
    let both = r#"a.rs → {"a/b.rs"}; a/b.rs → {"a.rs"}"#;
    check("mod b; use b::X; pub struct Own;", both);
    check("mod b; pub use b::X; pub struct Own(X);", both);
}

#[test]
fn circles_are_found_whole() {
    let edges = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("e", "e")];
    let edges = edges.map(|(from, to)| (from, BTreeSet::from([to])));
    let found = circles(&BTreeMap::from(edges));
    assert_eq!(found, [BTreeSet::from(["a", "b", "c"]), BTreeSet::from(["e"])]);
}
