//! What `/proc` says, and the few tools that provoke faults.

use std::{fs, path::Path, process::Command, time::Duration};

/// Living processes (zombies are none) that work in a folder or below it.
pub(crate) fn with_folder(folder: &Path) -> Vec<u32> {
    let is_here = |pid: &u32| {
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
    };
    everybody().filter(is_here).filter(|pid| is_alive(*pid)).collect()
}

fn everybody() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The fields of `/proc/PID/stat` from the third on.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

pub(crate) fn state(pid: u32) -> Option<char> {
    stat(pid)?.first()?.chars().next()
}

pub(crate) fn is_alive(pid: u32) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Children of a process that are dead and not reaped.
pub(crate) fn zombies_of(parent: u32) -> Vec<u32> {
    let is_zombie =
        |pid: &u32| stat(*pid).is_some_and(|stat| stat[0] == "Z" && stat[1] == parent.to_string());
    everybody().filter(is_zombie).collect()
}

/// Processor time that a process has used.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = stat(pid).expect("it lives");
    let ticks: u64 = stat[11].parse::<u64>().unwrap() + stat[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// A line of `/proc/PID/status`, without its name.
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

pub(crate) fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

pub(crate) fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

pub(crate) fn try_signal(pid: u32, signal: &str) -> bool {
    let sent = Command::new("kill").args(["-s", signal, &pid.to_string()]).output();
    sent.is_ok_and(|output| output.status.success())
}

pub(crate) fn signal(pid: u32, signal: &str) {
    assert!(try_signal(pid, signal), "SIG{signal} to {pid}");
}

/// Why a test cannot be had here; says so. `None`: it can.
pub(crate) fn lacks(needs: &[&str]) -> bool {
    let lacking = needs.iter().find(|need| match **need {
        "root" => status(std::process::id(), "Uid").split_whitespace().nth(1) != Some("0"),
        program => !Command::new("which").arg(program).output().unwrap().status.success(),
    });
    if let Some(need) = lacking {
        println!("SKIPPED: this machine lacks `{need}`");
    }
    lacking.is_some()
}
