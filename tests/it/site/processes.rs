//! The processes of a site, by what `/proc` says.

use std::{fs, path::Path};

/// A process that lives.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) group: u32,
    /// For whoever reads why a test failed.
    #[expect(dead_code, reason = "only shown")]
    command: String,
    environment: Vec<String>,
}

/// The processes that live and have this folder as HOME or stand in it.
pub(crate) fn of_folder(folder: &Path) -> Vec<Process> {
    let home = format!("HOME={}", folder.display());
    let mut found: Vec<_> = pids().filter(|pid| is_alive(*pid)).filter_map(read).collect();
    found.retain(|process| {
        let stands_in_it = fs::read_link(format!("/proc/{}/cwd", process.pid));
        process.environment.contains(&home)
            || stands_in_it.is_ok_and(|path| path.starts_with(folder))
    });
    // A fork shares its parent's cwd and environment until it has a program of its own; the tests
    // themselves stand elsewhere.
    found.retain(|process| process.pid != std::process::id());
    found
}

/// Whether a process runs; a zombie does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    state(pid).is_some_and(|(state, _, _)| state != 'Z' && state != 'X')
}

/// The dead children of a process that it has not reaped yet.
pub(crate) fn zombies_of(parent: u32) -> Vec<u32> {
    pids().filter(|pid| matches!(state(*pid), Some(('Z', of, _)) if of == parent)).collect()
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn read(pid: u32) -> Option<Process> {
    let (_, _, group) = state(pid)?;
    let words = |name: &str| -> Option<Vec<String>> {
        let bytes = fs::read(format!("/proc/{pid}/{name}")).ok()?;
        let words = bytes.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    };
    Some(Process {
        pid,
        group,
        command: words("cmdline")?.join(" "),
        environment: words("environ")?,
    })
}

/// State, parent and group.
fn state(pid: u32) -> Option<(char, u32, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, a `)` too.
    let mut fields = stat[stat.rfind(')')? + 2..].split(' ');
    Some((
        fields.next()?.chars().next()?,
        fields.next()?.parse().ok()?,
        fields.next()?.parse().ok()?,
    ))
}
