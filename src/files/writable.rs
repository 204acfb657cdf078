//! Whether anyone on the machine may write to a file or a folder: the one rule for it.
//!
//! Whoever may write to a worker, a config or the folder of either decides what arcanos runs. Only
//! the bit for others counts: owner and group are the administrator's choice. Permissions of a
//! symbolic link mean nothing, so modes are always those of what it leads to.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::domain::os_text;

/// The bit by which anyone but owner and group may write (chmod(2)).
const OTHERS_WRITE: u32 = 0o002;

/// The bit by which only the owner of an entry of a folder may rename or remove it.
const STICKY: u32 = 0o1000;

/// Whether anyone may write to the file, or add names to the folder, that has this mode.
///
/// On a file system that is mounted read-only nobody may, whatever the mode: such are the config
/// maps of a cluster. The path is only made if that must be asked.
pub(crate) fn anyone_may_write(path: impl FnOnce() -> PathBuf, mode: u32) -> bool {
    mode & OTHERS_WRITE != 0 && !is_mounted_read_only(&path())
}

/// What others than the owner and its group may do in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    ChangeNothing,
    /// Add names, but leave those that are there alone: the folder has the sticky bit, as `/tmp`
    /// has. That is good for a folder above one that is read, and not for the latter.
    AddNames,
    ChangeAll,
}

/// What others may do in the folder that has this mode.
pub(super) fn others_in(folder: impl FnOnce() -> PathBuf, mode: u32) -> Others {
    if !anyone_may_write(folder, mode) {
        return Others::ChangeNothing;
    }
    if mode & STICKY == 0 { Others::ChangeAll } else { Others::AddNames }
}

/// Why nothing may be run from a file now, if anyone may write to it or to its folder. A file that
/// is not there is no reason.
pub(crate) fn open_to_all(file: &Path) -> Option<String> {
    let mode = |path: &Path| Some(fs::metadata(path).ok()?.mode());
    let is_open = |path: &Path| mode(path).is_some_and(|m| anyone_may_write(|| path.to_owned(), m));
    if is_open(file) {
        return Some(format!(
            "anyone may write to it; run `chmod o-w {}`",
            os_text::shown_path(file)
        ));
    }
    let folder = os_text::shown_path(file.parent().filter(|folder| is_open(folder))?);
    Some(format!("anyone may write to its folder; run `chmod o-w {folder}`"))
}

/// Where the system does not say, the file system is taken to be writable.
fn is_mounted_read_only(path: &Path) -> bool {
    statvfs(path).is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::RDONLY))
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn only_the_bit_for_others_counts_and_the_sticky_bit_keeps_what_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = || folder.path().to_path_buf();
        for (mode, expected) in [
            (0o755, Others::ChangeNothing),
            (0o775, Others::ChangeNothing),
            (0o777, Others::ChangeAll),
            (0o757, Others::ChangeAll),
            (0o1777, Others::AddNames),
            (0o1755, Others::ChangeNothing),
        ] {
            assert_eq!(others_in(path, mode), expected, "{mode:o}");
            let may_write = expected != Others::ChangeNothing;
            assert_eq!(anyone_may_write(path, mode), may_write, "{mode:o}");
        }
    }

    #[test]
    fn on_a_read_only_mount_nobody_may_write() {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
        let mut points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
        // A machine without any such mount cannot show it.
        let Some(point) = points.find(|point| is_mounted_read_only(Path::new(point))) else {
            return;
        };
        assert!(!anyone_may_write(|| PathBuf::from(point), 0o777), "{point}");
        assert_eq!(others_in(|| PathBuf::from(point), 0o777), Others::ChangeNothing, "{point}");
    }

    #[test]
    fn a_file_is_as_open_as_its_folder_and_a_link_as_what_it_leads_to() {
        let root = tempfile::tempdir().expect("a folder");
        let (folder, file, link) =
            (root.path().join("workers"), root.path().join("workers/a.js"), root.path().join("l"));
        fs::create_dir(&folder).expect("a folder");
        fs::write(&file, "").expect("a file");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        let allow = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        allow(&folder, 0o755).expect("to chmod");
        allow(&file, 0o644).expect("to chmod");
        assert_eq!(open_to_all(&file), None);
        assert_eq!(open_to_all(&link), None, "a link itself has the mode 777");
        allow(&folder, 0o777).expect("to chmod");
        assert!(open_to_all(&file).is_some_and(|why| why.contains("its folder")));
        allow(&folder, 0o1777).expect("to chmod");
        assert!(open_to_all(&file).is_some(), "others may still add files to it");
        allow(&folder, 0o755).expect("to chmod");
        allow(&file, 0o646).expect("to chmod");
        assert!(open_to_all(&link).is_some());
        assert_eq!(open_to_all(&root.path().join("none")), None);
    }
}
