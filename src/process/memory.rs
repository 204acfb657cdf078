//! How much memory a run has resident, for a limit that no cgroup holds.

use std::collections::HashSet;

use super::{proc, rlimit_tag::RlimitTag};
use crate::{domain::RunId, procfs};

/// How many processes of one run are added up: more cost too much to look at.
const MAX_COUNTED: usize = 4096;

/// A run whose memory has to be looked at, since the kernel does not hold its limit.
#[derive(Clone, Debug)]
pub struct MemoryWatch {
    run: RunId,
    leader: u32,
    limit: u64,
}

impl MemoryWatch {
    pub(super) const fn new(run: RunId, leader: u32, limit: u64) -> Self {
        Self { run, leader, limit }
    }

    /// The most that it may have resident, in bytes.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// What it has resident now, in bytes: the leader, what descends from it, and what has lost
    /// its parents. Shared pages count once for each process, as in
    /// [`RunUsage`](super::proc::RunUsage).
    ///
    /// Reads a few small files of `/proc` for each process. Means this run only as long as nobody
    /// has reaped its leader.
    #[must_use]
    pub fn resident(&self) -> u64 {
        let mut pending = self.orphans();
        pending.push(self.leader);
        let mut seen = HashSet::new();
        let mut total: u64 = 0;
        while let Some(pid) = pending.pop() {
            if seen.len() >= MAX_COUNTED || !seen.insert(pid) {
                continue;
            }
            total = total.saturating_add(procfs::status_bytes(pid, "VmRSS").unwrap_or(0));
            pending.extend(proc::children(pid));
        }
        total
    }

    /// What the kernel gave to us of it: by its group, or by the tag that it inherited.
    fn orphans(&self) -> Vec<u32> {
        let tag = RlimitTag::of(&self.run);
        let is_ours = |pid: &u32| {
            procfs::stat(*pid).is_some_and(|stat| stat.group == self.leader)
                || (tag.is_some() && RlimitTag::read(*pid) == tag)
        };
        proc::adopted().unwrap_or_default().into_iter().filter(is_ours).collect()
    }
}
