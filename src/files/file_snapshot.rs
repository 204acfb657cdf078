//! By what a few files are known to be as they were.

use std::path::{Path, PathBuf};

use rustix::fs::CWD;

use super::file_id::FileId;

/// What the system said of some files at one moment.
#[derive(Clone, Debug, Default)]
pub struct FileSnapshot(Vec<(PathBuf, Mark)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Missing,
    File(FileId),
    /// It has changed a moment ago, so that another change might bear the same time.
    Fresh,
    /// It cannot be asked about.
    Unsure,
}

impl FileSnapshot {
    /// Asks about files as they are now. To be done before they are read: what changes later then
    /// shows as a difference.
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        Self(paths.into_iter().map(|path| (path.to_path_buf(), Mark::of(path))).collect())
    }

    /// Whether all of them certainly are as they were.
    #[must_use]
    pub fn hold(&self) -> bool {
        let is_sure = |mark: &Mark| matches!(mark, Mark::Missing | Mark::File(_));
        self.0.iter().all(|(path, mark)| is_sure(mark) && *mark == Mark::of(path))
    }

    /// Whether one of them had just changed, so that it is to be asked about once more.
    #[must_use]
    pub fn are_fresh(&self) -> bool {
        self.0.iter().any(|(_, mark)| *mark == Mark::Fresh)
    }
}

impl Mark {
    fn of(path: &Path) -> Self {
        match FileId::at(CWD, path) {
            Ok(Some(file_id)) if file_id.is_quiet() => Self::File(file_id),
            Ok(None) => Self::Missing,
            Ok(Some(_)) => Self::Fresh,
            Err(_) => Self::Unsure,
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
    fn marks_hold_until_something_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, missing) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&file, "1").expect("a file");
        let mark = || FileSnapshot::of([file.as_path(), missing.as_path()]);
        assert!(mark().are_fresh() && !mark().hold(), "it has just changed");
        let changes: [&dyn Fn(); 3] = [
            &|| fs::write(&file, "2").expect("to write"),
            &|| fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("to chmod"),
            &|| fs::write(&missing, "").expect("a file"),
        ];
        for change in changes {
            let quiet = quiet_marks(mark);
            assert!(quiet.hold() && !quiet.are_fresh());
            change();
            assert!(!quiet.hold());
        }
        let quiet = quiet_marks(mark);
        File::open(&file).and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH)).unwrap();
        assert!(!quiet.hold(), "however far back it is dated");
    }

    /// FileSnapshot of files that have been left alone for a while.
    fn quiet_marks(mark: impl Fn() -> FileSnapshot) -> FileSnapshot {
        loop {
            let marks = mark();
            if marks.hold() {
                return marks;
            }
            std::thread::yield_now();
        }
    }
}
