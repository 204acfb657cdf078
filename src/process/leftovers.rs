//! What a dead instance of arcanos left behind, ended before the next starts anything.
//!
//! The death signal ends the leaders of its runs with it, but not what they had started. All of
//! that carries the brand and the mark of its run, unless it took both off; then it is found as a
//! descendant, or in the group, of one that is known.

use std::{
    collections::{HashMap, HashSet},
    os::fd::OwnedFd,
    time::Instant,
};

use super::{
    proc::{self, Mark, Stat},
    reaper::{SWEEP_LIMIT, await_death, kill_process},
    rlimit_tag::RlimitTag,
};

/// A run of a dead instance, as it was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The process id of its leader, which is the id of its group too.
    pub pid: u32,
    /// When the leader started: [`start_time`](super::start_time).
    pub start_time: u64,
    /// The boot it ran in: [`boot_id`](super::boot_id).
    pub boot_id: String,
}

/// Kills every process of the runs of `instance`, and those of `records` that still are what was
/// written down; returns how many it killed.
///
/// Returns when they are gone, at the latest after 2 s. Blocks: call it before there is a runtime,
/// or where blocking is fine.
#[must_use]
pub fn end_leftovers(instance: &str, records: &[Leftover]) -> usize {
    let deadline = Instant::now() + SWEEP_LIMIT;
    let boot = proc::boot_id();
    let records: Vec<&Leftover> =
        records.iter().filter(|record| Some(&record.boot_id) == boot.as_ref()).collect();
    let mut killed = HashSet::new();
    loop {
        let remains = find(instance, &records);
        let mut dying: Vec<OwnedFd> = Vec::new();
        for (pid, start) in remains {
            if let Some(pidfd) = kill_process(pid, start) {
                killed.insert((pid, start));
                dying.push(pidfd);
            }
        }
        if dying.is_empty() || Instant::now() >= deadline {
            return killed.len();
        }
        await_death(&dying, deadline);
    }
}

/// The living processes of the instance, each with its start time.
fn find(instance: &str, records: &[&Leftover]) -> Vec<(u32, u64)> {
    let everybody: HashMap<u32, Stat> = proc::everybody()
        .into_iter()
        .filter_map(|pid| Some((pid, proc::stat(pid)?)))
        .filter(|(_, stat)| stat.state != 'Z')
        .collect();
    let us = std::process::id();
    let is_recorded = |pid: u32, stat: &Stat| {
        let same = |r: &&&Leftover| r.pid == pid && r.start_time == stat.start;
        records.iter().any(|r| same(&r))
    };
    let mut found: HashSet<u32> = everybody
        .iter()
        .filter(|(pid, stat)| is_recorded(**pid, stat) || is_marked(**pid, instance))
        .map(|(pid, _)| *pid)
        .collect();
    // A group whose id is a known leader's, or was that of one and still holds a known member,
    // never passed to strangers: its id stays taken as long as it has members.
    let groups: HashSet<u32> = found
        .iter()
        .filter_map(|pid| Some((*pid, everybody.get(pid)?.group)))
        .filter(|(pid, group)| pid == group || records.iter().any(|r| r.pid == *group))
        .map(|(_, group)| group)
        .collect();
    let members = everybody.iter().filter(|(_, stat)| groups.contains(&stat.group));
    found.extend(members.map(|(pid, _)| *pid));
    add_descendants(&mut found, &everybody);
    found.remove(&us);
    let start = |pid: u32| Some((pid, everybody.get(&pid)?.start));
    found.into_iter().filter_map(start).collect()
}

fn add_descendants(found: &mut HashSet<u32>, everybody: &HashMap<u32, Stat>) {
    loop {
        let before = found.len();
        let children: Vec<u32> = everybody
            .iter()
            .filter(|(_, stat)| found.contains(&stat.parent))
            .map(|(pid, _)| *pid)
            .collect();
        found.extend(children);
        if found.len() == before {
            return;
        }
    }
}

/// Whether a process carries a mark `INSTANCE-NUMBER`.
fn is_marked(pid: u32, instance: &str) -> bool {
    if RlimitTag::read(pid)
        .is_some_and(|rlimit_tag| rlimit_tag.hard == RlimitTag::of_instance(instance))
    {
        return true;
    }
    let Mark::Run(run) = proc::mark(pid) else {
        return false;
    };
    run.strip_prefix(instance)
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}
