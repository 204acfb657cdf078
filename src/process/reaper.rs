//! The reaper: a thread that kills what a run leaves behind, and reaps orphans.
//!
//! arcanos is a child subreaper: a process whose parent dies becomes a child of ours. Once the
//! leader of a run is dead, each living process of the run is therefore an orphan of ours or
//! descends from one. The reaper searches these, and no others, so that a search costs one small
//! read when nothing was left. It knows a process of a run by the group, by the rlimit tag, by the
//! mark in the environment, or by an ancestor that belongs to the run.
//!
//! One thread does this for all runs at once: a thousand that stop together share a few searches.
//! It never waits for a leader, and never for "any child": that would take exits from their
//! [`Process`](super::Process).

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{
        Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
    },
};
use tokio::sync::oneshot;

use super::{
    proc::{self, Mark},
    rlimit_tag::RlimitTag,
};
use crate::{domain::RunId, procfs, sync::lock};

/// How long a run's remains may take to die. Only a process that the kernel cannot interrupt
/// (a dead disk or network mount) takes longer than milliseconds.
pub(super) const SWEEP_LIMIT: Duration = Duration::from_secs(2);

/// How long one search waits for those that it killed, before the next one: a process that does
/// not die holds up the sweeps of other runs for no longer.
const KILL_WAIT: Duration = Duration::from_millis(20);

/// The pause before the next search when this one killed nothing: what is left cannot be killed, or
/// is between two programs.
const SEARCH_PAUSE: Duration = Duration::from_millis(2);

/// How long a process without an environment is taken to be in the middle of an exec. That takes
/// microseconds, but it may have to wait for a processor. Later it counts as one whose environment
/// we may not read, and which is not of this run.
const EXEC_LIMIT: Duration = Duration::from_millis(200);

/// How many processes are killed and waited for at once: each needs a descriptor meanwhile.
const BATCH: usize = 256;

/// The stack of the thread, in bytes; most of what it holds is on the heap.
const STACK_SIZE: usize = 256 * 1024;

/// Collects orphans on a thread of its own, until [`Reaper::stop`].
pub(super) struct Reaper {
    state: Mutex<State>,
    wake: Condvar,
}

/// What is to be done. There is no more than one sweep for each run.
#[derive(Default)]
struct State {
    /// Whether a child has died since the last search.
    is_due: bool,
    is_stopped: bool,
    sweeps: Vec<Sweep>,
    abandoned: Vec<Abandoned>,
}

/// A run whose remains are looked for.
struct Sweep {
    run: RunId,
    purpose: Purpose,
    /// Its group, if the zombie of its leader still keeps the id from being anybody else's.
    group: Option<Pid>,
    start: Instant,
    /// How many of its processes the last search found.
    left: usize,
    /// Who waits for the end of the sweep and gets the number of processes that are left.
    done: Option<oneshot::Sender<usize>>,
}

/// What is done with the remains of a run.
#[derive(Clone, Copy)]
enum Purpose {
    /// They are killed.
    Kill,
    /// They are counted, and those outside the group are sent this signal.
    Count(Option<Signal>),
}

/// A killed leader that nobody waits for.
struct Abandoned {
    run: RunId,
    leader: Arc<OwnedFd>,
}

impl Reaper {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Arc<Self>> {
        let reaper = Arc::new(Self { state: Mutex::default(), wake: Condvar::new() });
        let mine = Arc::clone(&reaper);
        thread::Builder::new()
            .name("arcanos-reap".to_owned())
            .stack_size(STACK_SIZE)
            .spawn(move || mine.work())?;
        Ok(reaper)
    }

    /// A child has died, perhaps an orphan: asks for a search.
    pub(super) fn on_child_death(&self) {
        self.lock().is_due = true;
        self.wake.notify_one();
    }

    /// Ends what is left of a run whose leader is dead but not reaped, so that its group cannot be
    /// anybody else's. The answer is how many processes are still there after [`SWEEP_LIMIT`].
    pub(super) fn sweep(&self, run: &RunId, group: Pid) -> oneshot::Receiver<usize> {
        self.search_for(run, group, Purpose::Kill)
    }

    /// Counts what is left of such a run, and sends this signal to what has left its group.
    pub(super) fn count(
        &self,
        run: &RunId,
        group: Pid,
        signal: Option<Signal>,
    ) -> oneshot::Receiver<usize> {
        self.search_for(run, group, Purpose::Count(signal))
    }

    fn search_for(&self, run: &RunId, group: Pid, purpose: Purpose) -> oneshot::Receiver<usize> {
        let (done, answer) = oneshot::channel();
        let sweep = Sweep { purpose, done: Some(done), ..Sweep::new(run.clone(), Some(group)) };
        self.lock().sweeps.push(sweep);
        self.wake.notify_one();
        answer
    }

    /// Reaps a killed leader that nobody waits for any more, and ends what it leaves.
    pub(super) fn abandon(&self, run: RunId, leader: Arc<OwnedFd>) {
        self.lock().abandoned.push(Abandoned { run, leader });
        self.on_child_death();
    }

    /// Ends the thread once nothing is left to do.
    pub(super) fn stop(&self) {
        self.lock().is_stopped = true;
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn work(&self) {
        let mut sweeps = Vec::new();
        while let Some(mut abandoned) = self.next(&mut sweeps) {
            abandoned.retain(|run| !run.is_reaped(&mut sweeps));
            self.lock().abandoned.append(&mut abandoned);
            sweeps = search(sweeps);
        }
        // The last spawner is gone, and with it the task that reports deaths.
        let abandoned = std::mem::take(&mut self.lock().abandoned);
        let leaders = abandoned.iter().map(|run| &*run.leader);
        await_death(leaders, Instant::now() + SWEEP_LIMIT);
        for run in abandoned {
            run.is_reaped(&mut sweeps);
        }
        while !sweeps.is_empty() {
            sweeps = search(sweeps);
        }
    }

    /// Waits for something to do. `None` is the end.
    fn next(&self, sweeps: &mut Vec<Sweep>) -> Option<Vec<Abandoned>> {
        let mut state = self.lock();
        while !state.is_due && state.sweeps.is_empty() && sweeps.is_empty() {
            if state.is_stopped {
                return None;
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_due = false;
        sweeps.append(&mut state.sweeps);
        Some(std::mem::take(&mut state.abandoned))
    }
}

impl Sweep {
    fn new(run: RunId, group: Option<Pid>) -> Self {
        Self { run, purpose: Purpose::Kill, group, start: Instant::now(), left: 0, done: None }
    }

    /// Whether this search shows that nothing is left of the run, or it is time to give up.
    fn is_over(&self, scan: &OrphanScan) -> bool {
        let age = self.start.elapsed();
        // A process that became an orphan during the search was perhaps seen neither below its
        // old parent nor among our own; one in the middle of an exec has no mark. Then only the
        // next search can say that nothing is left.
        let is_clear = self.left == 0 && scan.is_whole && (!scan.has_unknown || age > EXEC_LIMIT);
        let is_unwanted = self.done.as_ref().is_some_and(oneshot::Sender::is_closed);
        let is_counted = matches!(self.purpose, Purpose::Count(_)) && self.left > 0;
        is_clear || is_counted || is_unwanted || age > SWEEP_LIMIT
    }

    fn end(self) {
        // The caller may have been cancelled meanwhile.
        let _ = self.done.map(|done| done.send(self.left));
    }
}

impl Abandoned {
    /// Whether the leader is reaped; reaps it if it is dead, and has its run swept.
    fn is_reaped(&self, sweeps: &mut Vec<Sweep>) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        if matches!(waitid(WaitId::PidFd(self.leader.as_fd()), options), Ok(None)) {
            return false;
        }
        sweeps.push(Sweep::new(self.run.clone(), None));
        true
    }
}

/// What one search among the orphans found.
struct OrphanScan {
    /// The processes that were killed, to wait for.
    dying: Vec<OwnedFd>,
    /// Whether no process became an orphan during the search.
    is_whole: bool,
    /// Whether there was a process that may belong to any run, since it is in the middle of an
    /// exec.
    has_unknown: bool,
}

/// One search among the orphans: reaps the dead ones, kills or counts those of the runs that are
/// swept, and returns the sweeps that need another search.
fn search(mut sweeps: Vec<Sweep>) -> Vec<Sweep> {
    let mut orphans = proc::adopted().unwrap_or_default();
    let seen: HashSet<u32> = orphans.iter().copied().collect();
    orphans.retain(|pid| !reap_orphan(*pid));
    if sweeps.is_empty() {
        return sweeps;
    }
    let mut scan = kill_remains(&orphans, &mut sweeps);
    let now = proc::adopted().unwrap_or_default();
    scan.is_whole = now.iter().all(|pid| seen.contains(pid));
    let (over, unfinished): (Vec<_>, Vec<_>) = sweeps.into_iter().partition(|s| s.is_over(&scan));
    over.into_iter().for_each(Sweep::end);
    if scan.dying.is_empty() && scan.is_whole && !unfinished.is_empty() {
        thread::sleep(SEARCH_PAUSE);
    }
    await_death(&scan.dying, Instant::now() + KILL_WAIT);
    unfinished
}

/// Reaps an orphan if it is a zombie.
fn reap_orphan(pid: u32) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    proc::as_pid(pid).is_some_and(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
}

/// Finds all processes of the sweeps, counts them in [`Sweep::left`], and does with them what the
/// sweep is for.
fn kill_remains(orphans: &[u32], sweeps: &mut [Sweep]) -> OrphanScan {
    let runs: HashMap<String, usize> = by(sweeps, |sweep| Some(sweep.run.to_string()));
    let tags: HashMap<RlimitTag, usize> = by(sweeps, |sweep| RlimitTag::of(&sweep.run));
    let groups: HashMap<u32, usize> =
        by(sweeps, |sweep| Some(sweep.group?.as_raw_pid().cast_unsigned()));
    for sweep in sweeps.iter_mut() {
        sweep.left = 0;
    }
    let mut scan = OrphanScan { dying: Vec::new(), is_whole: false, has_unknown: false };
    // The processes still to be looked at, each with the sweep that its parent belongs to. A
    // process inherits its sweep, however much of its marks it has taken off.
    let mut pending: Vec<(u32, Option<usize>)> = orphans.iter().map(|pid| (*pid, None)).collect();
    while let Some((pid, inherited)) = pending.pop() {
        let Some(stat) = procfs::stat(pid) else {
            continue;
        };
        let mut owner = inherited.or_else(|| groups.get(&stat.group).copied());
        if owner.is_none() && stat.state != 'Z' {
            match RlimitTag::read(pid) {
                Some(tag) => owner = tags.get(&tag).copied(),
                None => match proc::mark(pid) {
                    Mark::Run(run) => owner = runs.get(&run).copied(),
                    Mark::None => {}
                    Mark::Unknown => scan.has_unknown = true,
                },
            }
        }
        let children = proc::children(pid);
        pending.extend(children.into_iter().map(|child| (child, owner)));
        // The parent of this zombie lives. When that dies, the zombie becomes an orphan of ours.
        if stat.state == 'Z' {
            continue;
        }
        let Some(sweep) = owner.and_then(|index| sweeps.get_mut(index)) else {
            continue;
        };
        sweep.left += 1;
        match sweep.purpose {
            // More than a batch are left for the next search, which finds them again.
            Purpose::Kill if scan.dying.len() < BATCH => {
                scan.dying.extend(signal_process(pid, stat.start, Signal::KILL));
            }
            Purpose::Count(Some(signal)) if !groups.contains_key(&stat.group) => {
                signal_process(pid, stat.start, signal);
                signal_process(pid, stat.start, Signal::CONT);
            }
            Purpose::Kill | Purpose::Count(_) => {}
        }
    }
    scan
}

fn by<K: Hash + Eq>(sweeps: &[Sweep], key: impl Fn(&Sweep) -> Option<K>) -> HashMap<K, usize> {
    let keys = sweeps.iter().enumerate();
    keys.filter_map(|(index, sweep)| Some((key(sweep)?, index))).collect()
}

/// Signals the process that has this id and started at this time, and returns its pidfd.
pub(super) fn signal_process(pid: u32, start: u64, signal: Signal) -> Option<OwnedFd> {
    let pidfd = pidfd_open(proc::as_pid(pid)?, PidfdFlags::empty()).ok()?;
    // The id may have passed to another process before the pidfd was open, but not since.
    if procfs::stat(pid).is_none_or(|stat| stat.start != start) {
        return None;
    }
    pidfd_send_signal(&pidfd, signal).ok()?;
    Some(pidfd)
}

/// Waits until all of them are dead, or it is too late.
pub(super) fn await_death<'a>(dying: impl IntoIterator<Item = &'a OwnedFd>, deadline: Instant) {
    let mut waiting: Vec<&OwnedFd> = dying.into_iter().collect();
    while !waiting.is_empty() {
        let rest = deadline.saturating_duration_since(Instant::now());
        let mut fds: Vec<PollFd<'_>> =
            waiting.iter().map(|pidfd| PollFd::new(*pidfd, PollFlags::IN)).collect();
        let timeout = Timespec::try_from(rest).unwrap_or_default();
        if rest.is_zero() || poll(&mut fds, Some(&timeout)).is_err() {
            return;
        }
        let alive: Vec<bool> = fds.iter().map(|fd| fd.revents().is_empty()).collect();
        let mut alive = alive.into_iter();
        waiting.retain(|_| alive.next().unwrap_or(false));
    }
}
