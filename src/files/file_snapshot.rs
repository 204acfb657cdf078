//! A snapshot of the ids of a few files, to see later whether any has changed.

use std::path::{Path, PathBuf};

use rustix::fs::CWD;

use super::file_id::FileId;

/// The ids of some files at one moment.
#[derive(Clone, Debug, Default)]
pub struct FileSnapshot(Vec<(PathBuf, FileState)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileState {
    Missing,
    File(FileId),
    /// It changed a moment ago, so that another change might bear the same time.
    Fresh,
    /// The system refuses to say.
    Unknown,
}

impl FileSnapshot {
    /// Takes the ids of files now. Call it before the files are read: then what changes later shows
    /// as a difference.
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        Self(paths.into_iter().map(|path| (path.to_path_buf(), FileState::of(path))).collect())
    }

    /// Whether all files certainly are as they were.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        let is_sure = |state: &FileState| matches!(state, FileState::Missing | FileState::File(_));
        self.0.iter().all(|(path, state)| is_sure(state) && *state == FileState::of(path))
    }

    /// Whether a file had just changed, so that the next snapshot may differ.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.0.iter().any(|(_, state)| *state == FileState::Fresh)
    }
}

impl FileState {
    fn of(path: &Path) -> Self {
        match FileId::at(CWD, path) {
            Ok(Some(file_id)) if file_id.is_quiet() => Self::File(file_id),
            Ok(None) => Self::Missing,
            Ok(Some(_)) => Self::Fresh,
            Err(_) => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        os::unix::fs::PermissionsExt,
        time::SystemTime,
    };

    use super::*;

    #[test]
    fn a_snapshot_holds_until_something_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, missing) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&file, "1").expect("a file");
        let snapshot = || FileSnapshot::of([file.as_path(), missing.as_path()]);
        assert!(snapshot().is_fresh() && !snapshot().is_unchanged(), "it has just changed");
        let changes: [&dyn Fn(); 3] = [
            &|| fs::write(&file, "2").expect("to write"),
            &|| fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("to chmod"),
            &|| fs::write(&missing, "").expect("a file"),
        ];
        for change in changes {
            let quiet = quiet_snapshot(snapshot);
            assert!(quiet.is_unchanged() && !quiet.is_fresh());
            change();
            assert!(!quiet.is_unchanged());
        }
        let quiet = quiet_snapshot(snapshot);
        File::open(&file).and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH)).unwrap();
        assert!(!quiet.is_unchanged(), "however far back it is dated");
    }

    /// A snapshot of files that have been left alone for a while.
    fn quiet_snapshot(snapshot: impl Fn() -> FileSnapshot) -> FileSnapshot {
        loop {
            let quiet = snapshot();
            if quiet.is_unchanged() {
                return quiet;
            }
            std::thread::yield_now();
        }
    }
}
