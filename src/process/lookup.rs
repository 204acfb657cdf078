//! Looks up what a launch needs: its program, on the worker's `PATH` and not on that of arcanos,
//! its folder and its user.
//!
//! Disks and user directories may take as long as they like: never on a spawning thread.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{
    command::{Command, SpawnError},
    identity,
    plan::Identity,
};
use crate::domain::os_text;

/// The `PATH` of a worker that has none, as in `execvp(3)` but for the current folder.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A command with all that was looked up for it.
pub(super) struct Found {
    pub(super) command: Command,
    pub(super) program: PathBuf,
    /// Whom it becomes; `None` stays who we are.
    pub(super) identity: Option<Identity>,
}

/// Looks up all that a command names. Blocks.
pub(super) fn look_up(command: Command) -> Result<Found, SpawnError> {
    let path = last_value(&command.env, "PATH");
    let program = resolve(&command.program, path, &command.cwd)?;
    // What is wrong with the folder, the child says; a disk that does not answer hangs here.
    let _ = fs::metadata(&command.cwd);
    let identity = match &command.user {
        None => None,
        Some(user) => identity::look_up(user).map_err(|reason| SpawnError::Failed {
            step: "become the user",
            path: user.clone(),
            reason,
        })?,
    };
    Ok(Found { command, program, identity })
}

fn last_value<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = env.iter().rev().find(|(n, _)| n == name);
    found.map(|(_, value)| value.as_str())
}

/// Finds `program` as a shell in `cwd` would.
///
/// A name with a slash is a path, relative to `cwd`; whether it can be executed is left to exec.
fn resolve(program: &str, path: Option<&str>, cwd: &Path) -> Result<PathBuf, SpawnError> {
    if program.contains('/') {
        let found = cwd.join(os_text::os_string(program));
        return match fs::metadata(&found) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(missing(&found)),
            _ => Ok(found),
        };
    }
    let mut not_executable = None;
    for folder in path.unwrap_or(DEFAULT_PATH).split(':') {
        let candidate = cwd.join(os_text::os_string(folder)).join(os_text::os_string(program));
        match fs::metadata(&candidate) {
            Ok(m) if m.is_file() && m.permissions().mode() & 0o111 != 0 => return Ok(candidate),
            Ok(m) if m.is_file() => not_executable = not_executable.or(Some(candidate)),
            _ => {}
        }
    }
    // Exec will say what is wrong with it.
    not_executable.ok_or_else(|| SpawnError::Missing { path: os_text::shown(program).into_owned() })
}

fn missing(path: &Path) -> SpawnError {
    SpawnError::Missing { path: os_text::shown_path(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_a_shell_would() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for (name, mode) in [("a/tool", 0o644), ("b/tool", 0o755), ("b/plain", 0o644)] {
            let file = root.join(name);
            fs::create_dir_all(file.parent().expect("a parent")).expect("folders");
            fs::write(&file, "").expect("a file");
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a mode");
        }
        fs::create_dir_all(root.join("a/folder")).expect("a folder");
        let path = format!("/nowhere:{}:b", root.join("a").display());
        for (program, expected) in [
            ("tool", Ok("b/tool")),
            ("plain", Ok("b/plain")),
            ("folder", Err("folder".to_owned())),
            ("b/tool", Ok("b/tool")),
            ("./b/plain", Ok("./b/plain")),
            ("b/none", Err(root.join("b/none").display().to_string())),
        ] {
            let found = resolve(program, Some(&path), root);
            let expected =
                expected.map(|p| root.join(p)).map_err(|path| SpawnError::Missing { path });
            assert_eq!(found, expected, "{program}");
        }
    }
}
