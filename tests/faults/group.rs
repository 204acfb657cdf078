//! A cgroup of the first version, for faults that need one.

use std::{fs, path::PathBuf};

use crate::procs;

/// A cgroup of one controller, gone with its last member when this is dropped.
pub(crate) struct Group {
    folder: PathBuf,
}

impl Group {
    /// Makes one; says so and returns `None` where there is no such controller to write to.
    pub(crate) fn new(controller: &str, name: &str) -> Option<Self> {
        let root = PathBuf::from("/sys/fs/cgroup").join(controller);
        if procs::lacks(&["root"]) {
            return None;
        }
        let folder = root.join(format!("arcanos-fault-{name}-{}", std::process::id()));
        if !root.join("cgroup.procs").exists() || fs::create_dir(&folder).is_err() {
            procs::leave_out(&format!("no cgroup can be made in `{}`", root.display()));
            return None;
        }
        Some(Self { folder })
    }

    pub(crate) fn add(&self, pid: impl Into<u64>) {
        self.set("cgroup.procs", &pid.into().to_string());
    }

    pub(crate) fn set(&self, file: &str, value: &str) {
        fs::write(self.folder.join(file), value).unwrap();
    }

    pub(crate) fn get(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Those that are left go to where they came from.
        for pid in fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default().lines()
        {
            let _ = fs::write(self.folder.with_file_name("cgroup.procs"), pid);
        }
        let _ = fs::remove_dir(&self.folder);
    }
}
