//! Permissions of the config's files: who else may write to them, or read the secrets in them.
//!
//! Reads modes and owners only, and refuses nothing: on a share or a container's mount the owner
//! may not be able to choose the mode. What it finds is logged and shown.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
};

use rustix::process::geteuid;

use crate::domain::os_text;
use crate::files::anyone_may_write;

/// What anyone but the owner may read.
const OTHERS_READ: u32 = 0o044;

/// What is wrong with the permissions of the config's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) struct PermissionReport {
    /// Files that anyone may write to: who does decides what arcanos runs.
    pub(in crate::engine) writable: Vec<String>,
    /// What the owner should know besides.
    pub(in crate::engine) warnings: Vec<String>,
}

impl PermissionReport {
    /// Looks at files, and at whether those that hold secrets may be read by others.
    pub(in crate::engine) fn of<'a>(files: impl IntoIterator<Item = (&'a Path, Content)>) -> Self {
        let mut permissions = Self::default();
        for (path, content) in files {
            if let Ok(metadata) = fs::metadata(path) {
                permissions.add(path, content, &metadata);
            }
        }
        permissions
    }

    fn add(&mut self, path: &Path, content: Content, metadata: &Metadata) {
        let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
        let is_open = anyone_may_write(|| path.to_owned(), mode);
        let path = os_text::shown_path(path);
        if is_open {
            self.writable.push(format!(
                "anyone may write to `{path}` (mode {mode:o}), and so decide what runs; run \
                 `chmod o-w {path}`"
            ));
        }
        if owner != 0 && owner != geteuid().as_raw() {
            self.warnings.push(format!(
                "`{path}` belongs to the user with the id {owner}, who decides what runs"
            ));
        }
        if content == Content::Secret && mode & OTHERS_READ != 0 {
            self.warnings.push(format!(
                "`{path}` holds secrets, and others may read it (mode {mode:o}); run \
                 `chmod 600 {path}`"
            ));
        }
    }
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Content {
    /// A secret, among other things.
    Secret,
    /// Nothing that is kept secret.
    Plain,
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_others_may_do_is_reported_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("arcanos.toml");
        fs::write(&file, "").unwrap();
        for (mode, content, writable, warnings) in [
            (0o600, Content::Secret, 0, 0),
            (0o640, Content::Secret, 0, 1),
            (0o644, Content::Secret, 0, 1),
            (0o644, Content::Plain, 0, 0),
            (0o664, Content::Plain, 0, 0),
            (0o666, Content::Plain, 1, 0),
            (0o602, Content::Secret, 1, 0),
        ] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let found = PermissionReport::of([(file.as_path(), content)]);
            let seen = (found.writable.len(), found.warnings.len());
            assert_eq!(seen, (writable, warnings), "{mode:o} {content:?}: {found:?}");
        }
        assert_eq!(
            PermissionReport::of([(Path::new("/no/such"), Content::Secret)]),
            PermissionReport::default()
        );
    }
}
