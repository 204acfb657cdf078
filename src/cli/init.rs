//! `arcanos init`: writes a commented config and a sample worker.
//!
//! Writes only what is not there, and needs no network.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{
    cli::{
        args::Globals,
        exit::{self, Failure},
        json::pretty,
        load,
        terminal::Output,
    },
    config,
    domain::os_text,
};

const HELLO: &str = include_str!("init/hello.js");
/// What a repository should not hold: state, logs, secrets and installed packages.
const GITIGNORE: &str = ".arcanos/\nmemory/\nnode_modules/\n.env\n";
const PACKAGE: &str = include_str!("init/package.json");

/// Pins the SDK by version and digest, without the address of any registry: npm asks the one it
/// is set up for. Made by `npm install --package-lock-only --omit-lockfile-registry-resolved`.
const PACKAGE_LOCK: &str = include_str!("init/package-lock.json");

/// Modes of what is written, less the umask: whoever may write to a worker runs what he likes.
const FILE_MODE: u32 = 0o644;
const FOLDER_MODE: u32 = 0o755;

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Written,
    WasThere,
}

/// Writes the files that are missing, and prints what to do next.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn run(globals: &Globals, out: &mut Output) -> Result<(), Failure> {
    let file = load::config_file(globals);
    let folder = file.parent().unwrap_or_else(|| Path::new("")).join("workers");
    let has_workers = fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some());
    let mut fates = vec![(file.clone(), put(&file, config::sample())?)];
    let sample =
        [("hello.js", HELLO), ("package.json", PACKAGE), ("package-lock.json", PACKAGE_LOCK)];
    for (name, text) in sample {
        let path = folder.join(name);
        // A folder that was there has its own workers and its own packages.
        let fate = if has_workers { Fate::WasThere } else { put(&path, text)? };
        fates.push((path, fate));
    }
    let ignored = file.with_file_name(".gitignore");
    let fate = put(&ignored, GITIGNORE)?;
    fates.push((ignored, fate));
    if globals.json {
        let list = |wanted: Fate| -> Vec<_> {
            fates.iter().filter(|(_, fate)| *fate == wanted).map(|(path, _)| path).collect()
        };
        let report = json!({ "written": list(Fate::Written), "kept": list(Fate::WasThere) });
        out.line(&pretty(&report))?;
        return Ok(out.flush()?);
    }
    for line in report(&fates, has_workers.then_some(&folder)) {
        out.line(&line)?;
    }
    Ok(out.flush()?)
}

/// Writes a file, unless there is one.
fn put(path: &Path, text: &str) -> Result<Fate, Failure> {
    let failed = |error: io::Error| {
        let message = format!("cannot write `{}`: {error}", os_text::shown_path(path));
        Failure::new(exit::FAILED, message).with_remedy("run it in a folder that you may write to")
    };
    if let Some(folder) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
        made.map_err(failed)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Fate::WasThere),
        Err(error) => Err(failed(error)),
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| Fate::Written).map_err(failed),
    }
}

fn report(fates: &[(PathBuf, Fate)], kept_folder: Option<&PathBuf>) -> Vec<String> {
    let mut lines = Vec::new();
    for (path, fate) in fates {
        let shown = os_text::shown_path(path);
        match fate {
            Fate::Written => lines.push(format!("wrote {shown}")),
            Fate::WasThere if kept_folder.is_some_and(|folder| path.starts_with(folder)) => {}
            Fate::WasThere => lines.push(format!("kept  {shown} as it was")),
        }
    }
    if let Some(folder) = kept_folder {
        lines.push(format!("kept  {} as it was", os_text::shown_path(folder)));
    }
    if fates.iter().all(|(_, fate)| *fate == Fate::WasThere) {
        lines.push("Nothing was written: all of it was there already.".to_owned());
    }
    lines.extend(NEXT.lines().map(str::to_owned));
    lines
}

const NEXT: &str = "
Next:
  arcanos              installs the SDK that the sample worker uses (`npm ci`),
                       and runs the worker; without an API key a stand-in
                       answers instead of a model
  arcanos status       in another terminal: how the worker fares
  arcanos logs hello   what it wrote
Set OPENAI_API_KEY, or OPENAI_BASE_URL, to ask a real model.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_never_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("deep/hello.js");
        assert_eq!(put(&path, "ours"), Ok(Fate::Written));
        fs::write(&path, "mine").unwrap();
        assert_eq!(put(&path, "ours"), Ok(Fate::WasThere));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn the_sample_package_is_good_json() {
        let package: serde_json::Value = serde_json::from_str(PACKAGE).expect("JSON");
        assert_eq!(package["private"], true);
        let lock: serde_json::Value = serde_json::from_str(PACKAGE_LOCK).expect("JSON");
        assert_eq!(lock["packages"][""]["dependencies"], package["dependencies"]);
        assert!(!PACKAGE_LOCK.contains("://"), "no registry is named");
    }
}
