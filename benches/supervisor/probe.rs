//! What the kernel and the workers' marks say.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    os::fd::OwnedFd,
    path::PathBuf,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
    time::{ClockId, clock_gettime},
};

use crate::support::waiting::{self, DEADLINE};

/// How often something that is waited for is looked at; no figure is taken from that look.
const LOOK: Duration = Duration::from_micros(500);

/// Nanoseconds of the monotonic clock, which workers put into their marks too.
pub(crate) fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// Waits until this is so.
///
/// # Panics
/// If it takes a minute.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waited = waiting::poll(LOOK, || is_so().then_some(()));
    assert!(waited.is_some(), "waited in vain until {what}");
}

/// A line that a worker left.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) word: String,
    pub(crate) id: String,
    pub(crate) pid: u32,
    pub(crate) at: u64,
}

/// The file that workers leave their marks in.
#[derive(Debug)]
pub(crate) struct Marks {
    pub(crate) path: PathBuf,
}

impl Marks {
    /// All whole lines.
    pub(crate) fn read(&self) -> Vec<Mark> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().filter_map(Mark::parse).collect()
    }

    /// Waits for so many marks of this word in all, and returns them.
    pub(crate) fn await_count(&self, word: &str, count: usize) -> Vec<Mark> {
        let mut found = Vec::new();
        wait_until(&format!("{count} marks `{word}` are left"), || {
            // A line takes 20 bytes and more: a cheap look first.
            let size = fs::metadata(&self.path).map_or(0, |m| m.len());
            if size < count as u64 * 20 {
                return false;
            }
            found = self.read();
            found.retain(|mark| mark.word == word);
            found.len() >= count
        });
        found
    }

    /// Forgets all of them.
    pub(crate) fn clear(&self) {
        fs::write(&self.path, "").expect("to clear the marks");
    }
}

impl Mark {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        Some(Self {
            word: words.next()?.to_owned(),
            id: words.next()?.to_owned(),
            pid: words.next()?.parse().ok()?,
            at: words.next()?.parse().ok()?,
        })
    }
}

/// Proportional set size of a process, in MiB.
pub(crate) fn pss(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or("0 kB");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap_or(0.0);
    kib / 1024.0
}

/// What the threads of a process have used so far, by thread: one that ends takes its account with
/// it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effort {
    threads: HashMap<OsString, Account>,
}

/// What was used between two looks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    /// Processor time in nanoseconds.
    pub(crate) cpu: u64,
    /// How often a thread slept and was woken. How often it had to give way to others is left out:
    /// that is the machine's doing.
    pub(crate) wakes: u64,
}

/// The effort of all threads that live.
pub(crate) fn effort(pid: u32) -> Effort {
    let mut effort = Effort::default();
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return effort };
    for task in tasks.flatten() {
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let times = read("schedstat");
        let cpu = times.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let account = Account { cpu, wakes: sleeps(&read("status")) };
        effort.threads.insert(task.file_name(), account);
    }
    effort
}

impl Effort {
    /// What was used since, by the threads that lived then or live now.
    pub(crate) fn since(&self, before: &Self) -> Account {
        let mut sum = Account::default();
        for (thread, now) in &self.threads {
            let then = before.threads.get(thread).copied().unwrap_or_default();
            sum.cpu += now.cpu.saturating_sub(then.cpu);
            sum.wakes += now.wakes.saturating_sub(then.wakes);
        }
        sum
    }
}

fn sleeps(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

/// Handles of processes, by which their deaths are seen.
pub(crate) fn handles(pids: impl IntoIterator<Item = u32>) -> Vec<OwnedFd> {
    let open = |pid: u32| pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()).ok();
    pids.into_iter().filter_map(open).collect()
}

/// Waits until all of them are dead.
pub(crate) fn await_deaths(handles: &[OwnedFd]) {
    let start = Instant::now();
    for handle in handles {
        let mut fds = [PollFd::new(handle, PollFlags::IN)];
        let rest = DEADLINE.saturating_sub(start.elapsed());
        let timeout = Timespec::try_from(rest).unwrap_or_default();
        let ready = poll(&mut fds, Some(&timeout));
        assert!(matches!(ready, Ok(1)), "a process outlives the wait: {ready:?}");
    }
}
