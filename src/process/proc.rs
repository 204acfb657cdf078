//! What `/proc` says about the processes of runs: their family, their marks and what they use.
//!
//! Every answer may be out of date when it arrives. Whoever acts on one opens a pidfd and asks
//! again.

use std::{fs, io::Read};

use rustix::process::Pid;

use crate::procfs::{stat, status_bytes};

/// The variable that marks all processes of a run, unless they clear their environment.
pub(super) const MARK: &str = "ARCANOS_RUN_ID";

/// The largest environment that is searched for the mark, in bytes. Linux allows 6 MiB in all
/// (three quarters of `_STK_LIM`) for arguments and environment.
const MAX_ENVIRON: u64 = 6 << 20;

/// Clock ticks a second in `/proc/PID/stat`: `USER_HZ`, 100 on every Linux since 2.4.
const TICKS_PER_SECOND: f64 = 100.0;

/// How many processes of one run are added up.
const MAX_COUNTED: usize = 256;

/// What a run uses now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RunUsage {
    /// Resident memory of its processes, in bytes; shared pages count once for each.
    pub memory_bytes: u64,
    /// Processor time that they and their ended children have used, in seconds.
    pub cpu_seconds: f64,
    /// Whether the process itself, not its descendants, is stopped by a signal or a debugger.
    pub is_stopped: bool,
}

/// What the environment of a process says about its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It belongs to this run.
    Run(String),
    /// It carries no mark.
    None,
    /// It is between two programs, or on its way out, or we may not read it: nothing is known.
    Unknown,
}

/// What a process and its descendants use now; `None` if there is no such process.
///
/// Costs three small reads of `/proc` a process: for when somebody asks.
#[must_use]
pub fn usage(pid: u32) -> Option<RunUsage> {
    let mut total = RunUsage::default();
    let mut family = vec![pid];
    let mut next = 0;
    total.is_stopped = stat(pid)?.is_stopped();
    while let Some(&member) = family.get(next) {
        next += 1;
        if let Some(stat) = stat(member) {
            total.cpu_seconds += stat.ticks as f64 / TICKS_PER_SECOND;
            total.memory_bytes += status_bytes(member, "VmRSS").unwrap_or(0);
        }
        if family.len() < MAX_COUNTED {
            family.extend(children_of_thread(member, member));
        }
    }
    Some(total)
}

/// What run a process is marked with.
pub(super) fn mark(pid: u32) -> Mark {
    let environ = environ(pid).unwrap_or_default();
    if environ.is_empty() {
        // Opened before an exec and read after it, the file is empty too: asked in this order, a
        // process that has an environment is never taken for one without.
        let is_bare = stat(pid).is_some_and(|stat| stat.is_bare);
        return if is_bare { Mark::None } else { Mark::Unknown };
    }
    environ
        .split(|byte| *byte == 0)
        .find_map(|entry| entry.strip_prefix(MARK.as_bytes())?.strip_prefix(b"="))
        .map_or(Mark::None, |run| Mark::Run(String::from_utf8_lossy(run).into_owned()))
}

fn environ(pid: u32) -> Option<Vec<u8>> {
    let mut environ = Vec::new();
    let file = fs::File::open(format!("/proc/{pid}/environ")).ok()?;
    file.take(MAX_ENVIRON).read_to_end(&mut environ).ok()?;
    Some(environ)
}

/// Soft and hard limit of a process's real-time scheduling, if it has both.
pub(super) fn realtime_limit(pid: u32) -> Option<(u64, u64)> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max realtime timeout"))?;
    let mut values = line.split_ascii_whitespace().map(|value| value.parse().ok());
    Some((values.next()??, values.next()??))
}

/// Orphans that the kernel has given to us. See the invariant of this room.
///
/// `None` if the kernel does not say (built without `CONFIG_PROC_CHILDREN`).
pub(super) fn adopted() -> Option<Vec<u32>> {
    let me = std::process::id();
    let text = fs::read_to_string(format!("/proc/self/task/{me}/children")).ok()?;
    Some(parse_pids(&text))
}

/// The living children of a process.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    threads
        .filter_map(|thread| thread.ok()?.file_name().to_str()?.parse().ok())
        .flat_map(|thread| children_of_thread(pid, thread))
        .collect()
}

fn children_of_thread(pid: u32, thread: u32) -> Vec<u32> {
    fs::read_to_string(format!("/proc/{pid}/task/{thread}/children"))
        .map(|text| parse_pids(&text))
        .unwrap_or_default()
}

fn parse_pids(text: &str) -> Vec<u32> {
    let pids = text.split_ascii_whitespace();
    pids.filter_map(|pid| pid.parse().ok()).collect()
}

/// Every process there is.
pub(super) fn everybody() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// A process id for a system call; `None` for 0, which would mean ourselves.
pub(super) fn as_pid(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_know_ourselves() {
        let me = std::process::id();
        assert!(usage(me).is_some_and(|usage| usage.memory_bytes > 1 << 20));
        assert!(everybody().contains(&me));
        assert_eq!(usage(u32::MAX), None);
    }
}
