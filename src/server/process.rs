//! The resources that arcanos itself uses, read from the kernel.

use std::{fs, time::Duration};

use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

/// Resident memory in bytes.
pub(super) fn resident_bytes() -> Option<u64> {
    status_bytes("VmRSS:")
}

/// Address space in bytes.
pub(super) fn virtual_bytes() -> Option<u64> {
    status_bytes("VmSize:")
}

/// Processor time so far, of all threads, user and system.
pub(super) fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}

/// Open descriptors.
pub(super) fn open_files() -> Option<u64> {
    // One of them is the descriptor that reads the folder.
    let n = fs::read_dir("/proc/self/fd").ok()?.count();
    Some(n.saturating_sub(1) as u64)
}

/// The limit of open descriptors; `None` for no limit.
pub(super) fn max_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

fn status_bytes(key: &str) -> Option<u64> {
    read_status(&fs::read_to_string("/proc/self/status").ok()?, key)
}

/// A line `VmRSS:   1234 kB` of proc_pid_status(5).
fn read_status(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_the_status() {
        let status = "Name:\tarcanos\nVmSize:\t  9000 kB\nVmRSS:\t    12 kB\n";
        assert_eq!(read_status(status, "VmRSS:"), Some(12 * 1024));
        assert_eq!(read_status(status, "VmSwap:"), None);
    }

    #[test]
    fn this_process_uses_something() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 100_000));
        assert!(virtual_bytes() >= resident_bytes());
        assert!(open_files().is_some_and(|n| n >= 3));
        assert!(cpu_time() > Duration::ZERO);
    }
}
