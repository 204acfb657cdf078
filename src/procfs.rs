//! What `/proc` says about a process: start time, state, status lines, and the id of this boot.
//!
//! Every answer may be out of date when it arrives. Whoever acts on one opens a pidfd and asks
//! again.

use std::{fmt::Display, fs};

/// The fields of `/proc/PID/stat` (proc_pid_stat(5)) that arcanos uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// `R`, `S`, … `Z` is a zombie, `T` stopped by a signal, `t` stopped by a debugger.
    pub(crate) state: char,
    pub(crate) parent: u32,
    /// The id of its process group.
    pub(crate) group: u32,
    /// Clock ticks of processor time, with that of children that were waited for.
    pub(crate) ticks: u64,
    /// Clock ticks from boot to its start. With the pid, this names one process of this boot.
    pub(crate) start: u64,
    /// Whether it was executed with an empty environment, as by `env -i`.
    pub(crate) is_bare: bool,
}

impl Stat {
    /// Whether the process still runs: what is left of a dead one has a stat too.
    pub(crate) const fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }

    /// Whether a signal or a debugger has stopped it.
    pub(crate) const fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

/// The stat of a process; `None` if there is no such process.
pub(crate) fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The random id of this boot of the machine; `None` where the system has none.
///
/// Together with the pid and the start time it identifies a process across boots.
pub(crate) fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// A line of `/proc/PID/status` that holds a size, such as `VmRSS`, in bytes. `process` is a pid
/// or `self`.
pub(crate) fn status_bytes(process: impl Display, key: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    parse_kib(status_value(&status, key)?)
}

/// The effective capabilities of this process, a bit each (capabilities(7)); 0 if unknown.
pub(crate) fn own_capabilities() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status_value(&status, "CapEff");
    bits.and_then(|bits| u64::from_str_radix(bits, 16).ok()).unwrap_or(0)
}

/// How many threads of the machine run or wait for a processor, the caller's among them; the
/// fourth field of proc_loadavg(5). `None` if the system does not say.
pub(crate) fn runnable() -> Option<usize> {
    parse_runnable(&fs::read_to_string("/proc/loadavg").ok()?)
}

fn parse_runnable(text: &str) -> Option<usize> {
    text.split_ascii_whitespace().nth(3)?.split_once('/')?.0.parse().ok()
}

/// The name in parentheses may hold anything, so the fields are counted from the last one.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // The manual counts from 1, and the first field after the name is its third.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: u32::try_from(number(4)?).ok()?,
        // -1 and 0 stand for none.
        group: u32::try_from(number(5)?).unwrap_or(0),
        ticks: number(14)? + number(15)? + number(16)? + number(17)?,
        start: number(22)?,
        // Both are 0 while there is no environment, or none that we may know.
        is_bare: number(50).is_some_and(|from| from != 0 && number(51) == Some(from)),
    })
}

/// The value of a line `KEY:   VALUE` of proc_pid_status(5).
fn status_value<'a>(status: &'a str, key: &str) -> Option<&'a str> {
    let value = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(value.trim())
}

/// `1234 kB`, which means KiB, in bytes.
fn parse_kib(value: &str) -> Option<u64> {
    let kib: u64 = value.strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
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
    fn the_runnable_threads_are_read_from_the_load() {
        assert_eq!(parse_runnable("0.20 0.18 0.12 3/80 11206\n"), Some(3));
        assert_eq!(parse_runnable("0.20 0.18 0.12"), None);
        assert!(runnable().is_some_and(|count| count >= 1), "this one runs");
    }

    #[test]
    fn sizes_are_read_from_the_status() {
        let status = "Name:\tarcanos\nVmSize:\t  9000 kB\nVmRSS:\t    12 kB\nThreads:\t3\n";
        let bytes = |key| status_value(status, key).and_then(parse_kib);
        assert_eq!(bytes("VmRSS"), Some(12 * 1024));
        assert_eq!(bytes("VmSwap"), None);
        assert_eq!(bytes("Vm"), None, "only the beginning of a key");
        assert_eq!(bytes("Threads"), None, "not a size");
    }

    #[test]
    fn this_process_is_known() {
        let me = std::process::id();
        let own = stat(me).expect("this process");
        assert!(own.start > 0 && own.is_alive() && !own.is_stopped());
        assert!(boot_id().is_some_and(|id| id.len() == 36));
        assert!(status_bytes(me, "VmRSS").is_some_and(|bytes| bytes > 1 << 20));
        assert!(status_bytes("self", "VmHWM") >= status_bytes("self", "VmRSS"));
        assert_eq!(stat(u32::MAX), None);
    }

    #[test]
    fn what_is_left_of_a_dead_process_is_not_alive() {
        let mut child = std::process::Command::new("true").spawn().expect("it starts");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while stat(child.id()).is_some_and(|stat| stat.is_alive()) {
            assert!(std::time::Instant::now() < deadline, "it does not end");
            std::thread::yield_now();
        }
        assert!(stat(child.id()).is_some(), "its zombie is there until it is waited for");
        child.wait().expect("it has ended");
        assert_eq!(stat(child.id()), None);
    }
}
