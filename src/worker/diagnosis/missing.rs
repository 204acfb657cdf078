//! Modules, packages and files that a program asked for and did not find.

use super::facts::Facts;

/// What is missing, and what to do.
pub(super) fn of(region: &[String], facts: &Facts) -> Option<String> {
    if let Some(name) = python_module(region) {
        return Some(match &facts.module_folder {
            Some(folder) => format!(
                "`{name}` lies in {folder}, which is not on Python's path (set `PYTHONPATH` to \
                 that folder under `[env.set]`)"
            ),
            None if name.contains('.') => format!("the module `{name}` is missing"),
            None => format!(
                "the package `{name}` is missing (install it for the Python that runs the worker)"
            ),
        });
    }
    if let Some(name) = after(region, &["cannot load such file -- "], &[' ']) {
        return Some(match is_path(name) {
            true => format!("the file `{name}` is missing"),
            false => format!("the library `{name}` is missing (install its gem)"),
        });
    }
    node(region)
}

/// The Python module that was not found.
pub(super) fn python_module(region: &[String]) -> Option<String> {
    let quoted = after(region, &["No module named '"], &['\'']);
    let name = quoted.or_else(|| after(region, &["No module named "], &[' ', ';']))?;
    Some(name.trim_matches(['\'', '"']).to_owned())
}

/// What Node, Bun and Deno did not find.
fn node(region: &[String]) -> Option<String> {
    let openings = [
        "Cannot find package '",
        "Cannot find module '",
        "Cannot find package \"",
        "Cannot find module \"",
        "Module not found \"",
    ];
    let name = after(region, &openings, &['\'', '"'])?;
    if is_path(name) {
        return Some(format!("the file `{name}` is missing"));
    }
    // `#lib/x` and `@/x` are names that the project itself gives.
    let is_alias = name.starts_with(['#', '~']) || name.starts_with("@/") || name.contains(':');
    let package = package(name);
    (!is_alias)
        .then(|| format!("the package `{package}` is missing (install it beside the workers)"))
}

fn is_path(name: &str) -> bool {
    name.starts_with(['/', '.']) || name.starts_with("file:")
}

/// The package of a specifier: `dotenv` of `dotenv/config`, `@a/b` of `@a/b/c`.
fn package(specifier: &str) -> &str {
    let segments = if specifier.starts_with('@') { 2 } else { 1 };
    let end = specifier.match_indices('/').nth(segments - 1).map_or(specifier.len(), |(at, _)| at);
    &specifier[..end]
}

/// The name after one of these openings, up to one of these characters.
fn after<'a>(region: &'a [String], openings: &[&str], ends: &[char]) -> Option<&'a str> {
    let name = |line: &'a String| {
        openings.iter().find_map(|opening| {
            let start = line.find(opening)? + opening.len();
            let name = line[start..].split(ends).next()?;
            (!name.is_empty()).then_some(name)
        })
    };
    region.iter().find_map(name)
}
