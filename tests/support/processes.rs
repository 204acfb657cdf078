//! Processes, by what `/proc` says of them.

use std::{fs, path::Path, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

/// A process that lives.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) group: u32,
    /// For the message of a test that fails.
    pub(crate) command: String,
    environment: Vec<String>,
}

/// What `/proc/PID/stat` says.
struct Stat {
    state: char,
    parent: u32,
    group: u32,
    cpu: Duration,
}

/// The living processes that work in this folder or below it, or have it as their HOME.
pub(crate) fn of_folder(folder: &Path) -> Vec<Process> {
    let home = format!("HOME={}", folder.display());
    let mut found: Vec<_> = pids().filter(|pid| is_alive(*pid)).filter_map(read).collect();
    found.retain(|process| {
        let cwd = fs::read_link(format!("/proc/{}/cwd", process.pid));
        process.environment.contains(&home) || cwd.is_ok_and(|path| path.starts_with(folder))
    });
    // A fork shares its parent's cwd and environment until it has a program of its own; the tests
    // themselves work elsewhere.
    found.retain(|process| process.pid != std::process::id());
    found
}

/// Whether a process lives; a zombie does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// The state's letter, as `ps` shows it.
pub(crate) fn state(pid: u32) -> Option<char> {
    Some(stat(pid)?.state)
}

/// The dead children of a process that it has not reaped yet.
pub(crate) fn zombies_of(parent: u32) -> Vec<u32> {
    let is_zombie = |stat: Stat| stat.state == 'Z' && stat.parent == parent;
    pids().filter(|pid| stat(*pid).is_some_and(is_zombie)).collect()
}

/// Processor time that a process has used.
pub(crate) fn cpu(pid: u32) -> Duration {
    stat(pid).expect("it lives").cpu
}

/// A line of `/proc/PID/status`, without its name; empty if there is none.
pub(crate) fn status(pid: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// Resident memory in MiB.
pub(crate) fn rss(pid: u32) -> u64 {
    rss_kib(pid) / 1024
}

/// Resident memory in KiB.
pub(crate) fn rss_kib(pid: u32) -> u64 {
    let text = status(pid, "VmRSS");
    text.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// How many descriptors a process has open.
pub(crate) fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// How many threads a process has.
pub(crate) fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// Sends a signal, named as in `kill -s`.
///
/// # Panics
/// If it cannot be sent.
pub(crate) fn signal(pid: u32, name: &str) {
    assert!(try_signal(pid, name), "SIG{name} to {pid}");
}

/// Sends a signal, named as in `kill -s`; whether that worked.
pub(crate) fn try_signal(pid: u32, name: &str) -> bool {
    Pid::from_raw(pid.cast_signed()).is_some_and(|pid| kill_process(pid, by_name(name)).is_ok())
}

fn by_name(name: &str) -> Signal {
    match name {
        "ABRT" => Signal::ABORT,
        "CONT" => Signal::CONT,
        "HUP" => Signal::HUP,
        "INT" => Signal::INT,
        "KILL" => Signal::KILL,
        "PIPE" => Signal::PIPE,
        "QUIT" => Signal::QUIT,
        "STOP" => Signal::STOP,
        "TERM" => Signal::TERM,
        "TSTP" => Signal::TSTP,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        other => panic!("no test has sent SIG{other} before: add it here"),
    }
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn read(pid: u32) -> Option<Process> {
    let group = stat(pid)?.group;
    // What another user runs may hide its environment; it is known by its folder all the same.
    let words = |name: &str| -> Vec<String> {
        let bytes = fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let words = bytes.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    };
    Some(Process { pid, group, command: words("cmdline").join(" "), environment: words("environ") })
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, a `)` too.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u32>().ok();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: number(1)?,
        group: number(2)?,
        // User and system time, in ticks of 10 ms.
        cpu: Duration::from_millis(10) * (number(11)? + number(12)?),
    })
}
