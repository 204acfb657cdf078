//! Ends what a dead instance of arcanos left behind, before the next one starts anything.
//!
//! When arcanos dies, the death signal kills the leaders of its runs, but not what those had
//! started. All of that still carries the rlimit tag and the mark of its run. A process that took
//! both off is found by its family: it descends from one that is known, or is in its group.

use std::{
    collections::{HashMap, HashSet},
    os::fd::OwnedFd,
    time::Instant,
};

use rustix::process::Signal;

use super::{
    proc::{self, Mark},
    reaper::{SWEEP_LIMIT, await_death, signal_process},
    rlimit_tag::RlimitTag,
};
use crate::procfs::{self, Stat};

/// Kills every process of the runs of `instance`; returns how many it killed.
///
/// Returns when they are gone, at the latest after 2 s. Blocks: call it before there is a runtime,
/// or where blocking is fine.
#[must_use]
pub fn end_leftovers(instance: &str) -> usize {
    let deadline = Instant::now() + SWEEP_LIMIT;
    let mut killed = HashSet::new();
    // Again until a search finds nothing: a process may fork while it is searched for.
    loop {
        let mut dying: Vec<OwnedFd> = Vec::new();
        for (pid, start) in find(instance) {
            if let Some(pidfd) = signal_process(pid, start, Signal::KILL) {
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
fn find(instance: &str) -> Vec<(u32, u64)> {
    let everybody: HashMap<u32, Stat> = proc::everybody()
        .into_iter()
        .filter_map(|pid| Some((pid, procfs::stat(pid)?)))
        .filter(|(_, stat)| stat.state != 'Z')
        .collect();
    let marked = everybody.keys().copied().filter(|pid| is_marked(*pid, instance));
    let mut found: HashSet<u32> = marked.collect();
    // The leader of a run leads its group too. As long as the group has members, the kernel gives
    // its id to nobody else, so all of them belong to the run.
    let groups: HashSet<u32> = found
        .iter()
        .filter(|pid| everybody.get(pid).is_some_and(|stat| stat.group == **pid))
        .copied()
        .collect();
    let members = everybody.iter().filter(|(_, stat)| groups.contains(&stat.group));
    found.extend(members.map(|(pid, _)| *pid));
    add_descendants(&mut found, &everybody);
    found.remove(&std::process::id());
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

/// Whether a process carries the tag of this instance, or a mark `INSTANCE-NUMBER`.
fn is_marked(pid: u32, instance: &str) -> bool {
    let tag = RlimitTag::read(pid);
    if tag.is_some_and(|tag| tag.hard == RlimitTag::of_instance(instance)) {
        return true;
    }
    let Mark::Run(run) = proc::mark(pid) else {
        return false;
    };
    run.strip_prefix(instance)
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}
