//! What `/proc` says about processes. Every answer may be out of date when it arrives: who acts on
//! one opens a pidfd and asks again.

use std::{fs, io::Read};

use rustix::process::Pid;

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
pub struct Usage {
    /// Resident memory of its processes, in bytes; shared pages count once for each.
    pub memory_bytes: u64,
    /// Processor time that they and their ended children have used, in seconds.
    pub cpu_seconds: f64,
    /// Whether the process itself, not its descendants, is stopped by a signal or a debugger.
    pub is_stopped: bool,
}

/// The fields of `/proc/PID/stat` that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) state: char,
    pub(super) parent: u32,
    pub(super) group: u32,
    /// Ticks of processor time, with that of waited-for children.
    pub(super) ticks: u64,
    /// Ticks since boot. With the pid, this names one process of this boot.
    pub(super) start: u64,
    /// Whether it was executed with an empty environment, as by `env -i`.
    pub(super) is_bare: bool,
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

/// When a process started, in ticks since boot; `None` if there is none.
///
/// Together with [`boot_id`] this tells a process from a later one of the same id.
#[must_use]
pub fn start_time(pid: u32) -> Option<u64> {
    stat(pid).map(|stat| stat.start)
}

/// The id of this boot of the machine.
#[must_use]
pub fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// What a process and its descendants use now; `None` if there is no such process.
///
/// Costs three small reads of `/proc` a process: for when somebody asks.
#[must_use]
pub fn usage(pid: u32) -> Option<Usage> {
    let mut total = Usage::default();
    let mut family = vec![pid];
    let mut next = 0;
    total.is_stopped = matches!(stat(pid)?.state, 'T' | 't');
    while let Some(&member) = family.get(next) {
        next += 1;
        if let Some(stat) = stat(member) {
            total.cpu_seconds += stat.ticks as f64 / TICKS_PER_SECOND;
            total.memory_bytes += resident(member).unwrap_or(0);
        }
        if family.len() < MAX_COUNTED {
            family.extend(children_of_thread(member, member));
        }
    }
    Some(total)
}

fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

pub(super) fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name in parentheses may hold anything, so the fields are counted from the last one.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: u32::try_from(number(4)?).ok()?,
        group: u32::try_from(number(5)?).unwrap_or(0),
        ticks: number(14)? + number(15)? + number(16)? + number(17)?,
        start: number(22)?,
        // Both are 0 while there is no environment, or none that we may know.
        is_bare: number(50).is_some_and(|from| from != 0 && number(51) == Some(from)),
    })
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
/// `None` if the kernel cannot tell (built without `CONFIG_PROC_CHILDREN`).
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

/// Our effective capabilities, a bit each (capabilities(7)).
pub(super) fn capabilities() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|l| l.strip_prefix("CapEff:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}

/// The most memory that arcanos ever held, in bytes.
pub(super) fn own_peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// A process id for a system call; `None` for 0, which would mean ourselves.
pub(super) fn as_pid(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let text = "42 (a) S 1 (b) R 7 41 42 0 -1 4194560 0 0 0 0 3 4 5 6 20 0 1 0 777 1 2\n";
        let expected =
            Stat { state: 'R', parent: 7, group: 41, ticks: 18, start: 777, is_bare: false };
        assert_eq!(parse_stat(text), Some(expected));
        assert_eq!(parse_stat("42 (sh"), None);
    }

    #[test]
    fn we_know_ourselves() {
        let me = std::process::id();
        assert!(start_time(me).is_some_and(|start| start > 0));
        assert!(boot_id().is_some_and(|id| id.len() == 36));
        assert!(usage(me).is_some_and(|usage| usage.memory_bytes > 1 << 20));
        assert!(everybody().contains(&me));
        assert_eq!(start_time(u32::MAX), None);
    }
}
