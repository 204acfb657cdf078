//! Limits on memory and processor time, by a cgroup v2 of each limited run.
//!
//! Needs a cgroup v2 that we may write to, as systemd gives with `Delegate=yes`. Where there is
//! none, processor time is not limited and a warning says so, and memory is for a
//! [`MemoryWatch`](super::MemoryWatch) to look at. Runs without such limits never touch this.

use std::{
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags, open};

use crate::domain::os_text;

use super::command::Command;

/// The period of `cpu.max`, in microseconds: the kernel's default.
const CPU_PERIOD: f64 = 100_000.0;

/// The smallest quota of `cpu.max` that the kernel takes, in microseconds.
const CPU_MIN_QUOTA: f64 = 1_000.0;

/// The cgroup that we move ourselves into, because one with members cannot limit its children.
const OWN_GROUP: &str = "arcanos-supervisor";

/// Makes cgroups for limited runs; finds out at the first whether it can.
#[derive(Default)]
pub(super) struct Cgroups {
    home: Option<Result<PathBuf, String>>,
}

/// The cgroup of one run.
pub(super) struct RunGroup {
    folder: PathBuf,
    /// Its `cgroup.procs`, open for writing: the child joins by it before it executes.
    pub(super) procs: OwnedFd,
}

impl Cgroups {
    /// A cgroup with the limits of the command, if it has any and this machine can hold them.
    pub(super) fn limit(
        &mut self,
        command: &Command,
        warnings: &mut Vec<String>,
    ) -> Option<RunGroup> {
        let limits = &command.limits;
        if limits.memory.is_none() && limits.cpu.is_none() {
            return None;
        }
        let home = self.home.get_or_insert_with(find_home);
        let made = home.clone().and_then(|home| {
            let folder = home.join(format!("arcanos-run-{}", command.run));
            RunGroup::make(folder, limits.memory, limits.cpu).map_err(|e| e.to_string())
        });
        match made {
            Ok(group) => Some(group),
            Err(reason) => {
                if limits.cpu.is_some() {
                    warnings.push(format!("limits.cpu is not applied: {reason}"));
                }
                None
            }
        }
    }
}

impl RunGroup {
    fn make(folder: PathBuf, memory: Option<u64>, cpu: Option<f64>) -> io::Result<Self> {
        fs::create_dir(&folder)?;
        let limit = || -> io::Result<OwnedFd> {
            if let Some(bytes) = memory {
                fs::write(folder.join("memory.max"), bytes.to_string())?;
                // Half a run is of no use: all of it dies, and is restarted.
                let _ = fs::write(folder.join("memory.oom.group"), "1");
            }
            if let Some(processors) = cpu {
                let quota = (processors * CPU_PERIOD).max(CPU_MIN_QUOTA);
                fs::write(folder.join("cpu.max"), format!("{quota:.0} {CPU_PERIOD:.0}"))?;
            }
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            Ok(open(folder.join("cgroup.procs"), flags, Mode::empty())?)
        };
        match limit() {
            Ok(procs) => Ok(Self { folder, procs }),
            Err(error) => {
                let _ = fs::remove_dir(&folder);
                Err(error)
            }
        }
    }

    /// Kills every process in it.
    pub(super) fn kill(&self) {
        let _ = fs::write(self.folder.join("cgroup.kill"), "1");
    }

    /// Whether its memory limit killed anything.
    pub(super) fn ran_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.folder.join("memory.events")).unwrap_or_default();
        events.lines().any(|line| {
            let kills = line.strip_prefix("oom_kill ");
            kills.is_some_and(|count| count.trim() != "0")
        })
    }

    /// Removes it, if it is empty; what is left of it then goes at the next start.
    pub(super) fn remove(&self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

impl Drop for RunGroup {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The cgroup that those of the runs are made in, ready to hand out both controllers.
fn find_home() -> Result<PathBuf, String> {
    let read = |path| fs::read_to_string(path).map_err(|e| format!("`{path}`: {e}"));
    let own = own_group(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?)
        .ok_or_else(|| "there is no cgroup v2".to_owned())?;
    let file = own.join("cgroup.controllers");
    let controllers = fs::read_to_string(&file).unwrap_or_default();
    for needed in ["memory", "cpu"] {
        if !controllers.split_ascii_whitespace().any(|c| c == needed) {
            return Err(format!(
                "the cgroup v2 `{}` has no {needed} controller",
                os_text::shown_path(&own)
            ));
        }
    }
    enable(&own)
        .map_err(|error| format!("the cgroup v2 `{}`: {error}", os_text::shown_path(&own)))?;
    remove_stale(&own);
    Ok(own)
}

/// Has `own` hand memory and cpu on to its children.
fn enable(own: &Path) -> io::Result<()> {
    let control = own.join("cgroup.subtree_control");
    if fs::write(&control, "+memory +cpu").is_ok() {
        return Ok(());
    }
    // It has members, us among them.
    let supervisor = own.join(OWN_GROUP);
    match fs::create_dir(&supervisor) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    fs::write(supervisor.join("cgroup.procs"), "0")?;
    fs::write(&control, "+memory +cpu").inspect_err(|_| {
        let _ = fs::write(own.join("cgroup.procs"), "0");
        let _ = fs::remove_dir(&supervisor);
    })
}

/// Removes what an earlier instance left; the kernel keeps those that have members.
fn remove_stale(own: &Path) {
    let Ok(entries) = fs::read_dir(own) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with("arcanos-run-") {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Where our own cgroup v2 is in the file system, by `mountinfo` and `cgroup` of `/proc/self`.
fn own_group(mounts: &str, groups: &str) -> Option<PathBuf> {
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        if !kind.starts_with("cgroup2 ") {
            return None;
        }
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let inside = Path::new(path).strip_prefix(root).ok()?;
        Some(Path::new(point).join(inside))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cgroup_is_where_the_mount_shows_it() {
        let v1 = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n";
        let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        let inner = "30 23 0:26 /docker/ab /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        for (mounts, groups, expected) in [
            (
                unified,
                "0::/system.slice/a.service\n",
                Some("/sys/fs/cgroup/system.slice/a.service"),
            ),
            (unified, "9:name=systemd:/\n0::/\n", Some("/sys/fs/cgroup")),
            (inner, "0::/docker/ab/x\n", Some("/sys/fs/cgroup/x")),
            (inner, "0::/elsewhere\n", None),
            (v1, "0::/\n", None),
            (unified, "4:memory:/\n", None),
        ] {
            let found = own_group(&format!("{v1}{mounts}"), groups);
            assert_eq!(found, expected.map(PathBuf::from), "{mounts} {groups}");
        }
    }

    #[test]
    fn limits_are_written_as_the_kernel_reads_them() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("run");
        // Without `cgroup.procs` in it, it is not a cgroup, and nothing of it stays behind.
        assert!(RunGroup::make(folder.clone(), None, None).is_err());
        assert!(!folder.exists());
        fs::create_dir(&folder).expect("a folder");
        assert!(RunGroup::make(folder, Some(1), Some(0.5)).is_err());
    }
}
