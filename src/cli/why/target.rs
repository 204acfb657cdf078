//! Finds the file that a person names: by its path from here or in the folder, or by its id.

use std::{
    ffi::OsStr,
    fs,
    path::{Component, Path, PathBuf},
};

use crate::discovery::{Discovered, Verdict, VerdictKind, is_beside};
use crate::domain::os_text;

/// What was meant.
#[derive(Debug, PartialEq)]
pub(super) enum Target<'a> {
    /// A file with a verdict.
    File(&'a Verdict),
    /// A file without one; says why.
    PassedOver(String),
    /// Nothing that is known.
    Unknown,
}

/// Finds it.
pub(super) fn find<'a>(directory: &Path, target: &OsStr, discovered: &'a Discovered) -> Target<'a> {
    let of_file = |file: &Path| discovered.verdicts.iter().find(|verdict| verdict.file == file);
    let named = Path::new(target);
    let in_folder = inside(directory, named);
    let by_path = in_folder.as_deref().and_then(of_file).or_else(|| of_file(named));
    let by_path = by_path.or_else(|| beside(directory, named, discovered));
    if let Some(verdict) = by_path {
        return Target::File(verdict);
    }
    if let Some(verdict) = by_id(target, discovered) {
        return Target::File(verdict);
    }
    let shown = os_text::shown_path(named);
    match fs::metadata(named) {
        Ok(found) if found.is_dir() => Target::PassedOver(format!(
            "{shown} is a folder; only files are workers, and `discovery.recursive` says whether \
             those in folders are"
        )),
        Ok(_) if in_folder.is_some() => Target::PassedOver(format!(
            "{shown} is passed over: what begins with a dot or lies in node_modules is never a \
             worker, and in folders only with `discovery.recursive = true`"
        )),
        Ok(_) => Target::PassedOver(format!(
            "{shown} is no worker: it is not in the folder of workers, `{}`",
            os_text::shown_path(directory)
        )),
        Err(_) => Target::Unknown,
    }
}

/// The file with this id: of several the worker.
fn by_id<'a>(target: &OsStr, discovered: &'a Discovered) -> Option<&'a Verdict> {
    let target = target.to_str()?;
    let has_id = |v: &&Verdict| v.id.as_ref().is_some_and(|id| id.as_str() == target);
    let mut with_id = discovered.verdicts.iter().filter(has_id);
    let worker = with_id.clone().find(|verdict| verdict.verdict == VerdictKind::Worker);
    worker.or_else(|| with_id.next())
}

/// The helper beside the folder that a path from here means.
fn beside<'a>(directory: &Path, named: &Path, discovered: &'a Discovered) -> Option<&'a Verdict> {
    let named = without_dots(&std::path::absolute(named).ok()?);
    let mut beside = discovered.verdicts.iter().filter(|verdict| is_beside(&verdict.file));
    beside.find(|verdict| without_dots(&directory.join(&verdict.file)) == named)
}

/// The path in the folder of a path from here.
fn inside(directory: &Path, named: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(named).ok()?;
    let plain = |path: &Path| path.strip_prefix(directory).map(Path::to_owned).ok();
    plain(&without_dots(&absolute)).or_else(|| {
        // Either may lead through a link.
        let parent = fs::canonicalize(absolute.parent()?).ok()?;
        let folder = fs::canonicalize(directory).ok()?;
        let inner = parent.strip_prefix(folder).ok()?;
        Some(inner.join(absolute.file_name()?))
    })
}

/// The path without `.` and `..`, as it is written.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::WorkerId;

    fn verdict(file: &str, kind: VerdictKind) -> Verdict {
        let id = WorkerId::of_file_name(file).ok();
        Verdict { file: file.into(), verdict: kind, id, rule: None, line: None, reason: None }
    }

    #[test]
    fn a_file_is_found_by_path_by_name_and_by_id() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("workers");
        fs::create_dir_all(directory.join("deep")).unwrap();
        for file in ["a.js", "a.mjs", ".hidden.js"] {
            fs::write(directory.join(file), "").unwrap();
        }
        fs::write(root.path().join("outside.js"), "").unwrap();
        let verdicts = vec![
            verdict("../lib/x.js", VerdictKind::Helper),
            verdict("a.js", VerdictKind::Rejected),
            verdict("a.mjs", VerdictKind::Worker),
        ];
        let discovered = Discovered { verdicts: verdicts.into(), candidates: Vec::new() };
        let find = |target: &Path| find(&directory, target.as_os_str(), &discovered);
        for (target, file) in [
            (directory.join("a.js"), "a.js"),
            (directory.join("deep/../a.js"), "a.js"),
            ("a.js".into(), "a.js"),
            ("a".into(), "a.mjs"),
            (root.path().join("lib/x.js"), "../lib/x.js"),
            ("../lib/x.js".into(), "../lib/x.js"),
        ] {
            let Target::File(found) = find(&target) else { panic!("{target:?}") };
            assert_eq!(found.file, Path::new(file), "{target:?}");
        }
        for (target, part) in [
            (directory.join(".hidden.js"), "passed over"),
            (directory.join("deep"), "folder"),
            (root.path().join("outside.js"), "not in the folder"),
        ] {
            let Target::PassedOver(reason) = find(&target) else { panic!("{target:?}") };
            assert!(reason.contains(part), "{reason}");
        }
        assert_eq!(find(&directory.join("nosuch.js")), Target::Unknown);
    }
}
