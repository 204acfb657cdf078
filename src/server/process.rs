//! The resources that arcanos itself uses, read from the kernel.

use std::{fs, time::Duration};

use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

use crate::procfs::status_bytes;

/// Resident memory in bytes.
pub(super) fn resident_bytes() -> Option<u64> {
    status_bytes("self", "VmRSS")
}

/// Address space in bytes.
pub(super) fn virtual_bytes() -> Option<u64> {
    status_bytes("self", "VmSize")
}

/// Processor time so far, of all threads, user and system.
pub(super) fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}

/// How long the machine has been up, its sleep included. Unlike the wall clock, nobody sets it.
pub(super) fn since_boot() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 100_000));
        assert!(virtual_bytes() >= resident_bytes());
        assert!(open_files().is_some_and(|n| n >= 3));
        assert!(cpu_time() > Duration::ZERO);
        assert!(since_boot() > Duration::ZERO);
    }
}
