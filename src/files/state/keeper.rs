//! The keeper: a thread that makes the state directory anew when it goes while arcanos runs.
//!
//! `git clean`, a cleaner of temporary files or a person may remove the directory, move it away or
//! put another in its place. Then commands would not find arcanos, and the next start would not know
//! what a killed one left. The thread sleeps until the kernel reports a change by inotify(7).

use std::{
    collections::BTreeSet,
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    fs::inotify::{self, CreateFlags, WatchFlags},
};

use super::{Lock, LockError, StateDir};

/// How soon to try again while the directory cannot be made or its place cannot be watched. The
/// contract allows a second.
const RETRY: Duration = Duration::from_millis(500);

/// How often to look without an event: some file systems report none.
const SAFETY_NET: Duration = Duration::from_secs(30);

/// The pause after an event: what comes together is looked at together, and something that removes
/// the directory again and again does not take a processor.
const PAUSE: Duration = Duration::from_millis(100);

/// The stack of the thread, in bytes.
const STACK_SIZE: usize = 128 * 1024;

/// What happened to the state directory, or why it cannot be made anew.
type Report = Box<dyn Fn(Result<(), String>) + Send>;

/// Keeps a state directory in place and its lock held. Dropping it ends both.
#[derive(Debug)]
pub struct Keeper {
    end: Arc<OwnedFd>,
}

struct Work {
    state: Arc<StateDir>,
    lock: Lock,
    report: Report,
    end: Arc<OwnedFd>,
    /// Readable when a record could not be written.
    wake: Arc<OwnedFd>,
}

impl Keeper {
    /// Starts the thread. `report` is called with `Ok` each time that the directory was made anew,
    /// and with the reason when that begins to fail.
    ///
    /// # Errors
    /// The machine refuses a thread or a descriptor.
    pub fn start(state: Arc<StateDir>, lock: Lock, report: Report) -> io::Result<Self> {
        let end = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let wake = Arc::clone(state.keeper.get_or_init(|| Arc::new(wake)));
        let work = Work { state, lock, report, end: Arc::clone(&end), wake };
        thread::Builder::new()
            .name("arcanos-state".to_owned())
            .stack_size(STACK_SIZE)
            .spawn(move || work.run())?;
        Ok(Self { end })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The thread is not waited for: a disk that hangs must not hold the end up.
        let _ = rustix::io::write(&*self.end, &1_u64.to_ne_bytes());
    }
}

impl Work {
    fn run(mut self) {
        let mut problem = None;
        loop {
            // Watched before it is looked at: what changes after the look is an event.
            let watch = watch(self.state.path());
            let outcome = self.restore();
            self.report(&outcome, &mut problem);
            let is_over = match (outcome, &watch) {
                // The new directory must be watched too.
                (Ok(true), _) => self.wait(&[], PAUSE),
                (Ok(false), Ok(watch)) => self.wait_for_events(watch),
                (Ok(false), Err(_)) | (Err(_), _) => self.wait(&[], RETRY),
            };
            if is_over {
                return;
            }
        }
    }

    /// Reports what was made anew, and a fault once.
    fn report(&self, outcome: &Result<bool, LockError>, problem: &mut Option<String>) {
        match outcome.as_ref().map_err(with_cause) {
            Err(fault) if problem.as_ref() != Some(&fault) => {
                (self.report)(Err(fault.clone()));
                *problem = Some(fault);
            }
            Err(_) => {}
            Ok(is_changed) => {
                if problem.take().is_some() || *is_changed {
                    (self.report)(Ok(()));
                }
            }
        }
    }

    fn restore(&mut self) -> Result<bool, LockError> {
        // The directory first: the lock's file is in it.
        StateDir::open(self.state.path())?;
        let has_new_lock = self.lock.renew(&self.state)?;
        Ok(self.state.restore()? || has_new_lock)
    }

    /// Waits until something may have changed. The events are dropped with `inotify`.
    fn wait_for_events(&self, inotify: &OwnedFd) -> bool {
        let socket = self.lock.guard.socket.as_ref().map(AsFd::as_fd);
        let own = [inotify.as_fd(), self.wake.as_fd()];
        let sources: Vec<BorrowedFd<'_>> = own.into_iter().chain(socket).collect();
        let is_over = self.wait(&sources, SAFETY_NET) || self.wait(&[], PAUSE);
        let _ = rustix::io::read(&*self.wake, &mut [0; 8]);
        self.lock.guard.answer();
        is_over
    }

    /// Waits for one of these descriptors. Returns whether the thread is to end.
    fn wait(&self, sources: &[BorrowedFd<'_>], limit: Duration) -> bool {
        let end = [self.end.as_fd()];
        let all = end.iter().chain(sources);
        let mut fds: Vec<PollFd<'_>> =
            all.map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        let limit = Timespec::try_from(limit).unwrap_or_default();
        let _ = poll(&mut fds, Some(&limit));
        !fds[0].revents().is_empty()
    }
}

/// A fault and why it came.
fn with_cause(fault: &LockError) -> String {
    let cause = std::error::Error::source(fault);
    cause.map_or_else(|| fault.to_string(), |cause| format!("{fault}: {cause}"))
}

/// Watches the directory for what goes in it, and each folder and link on the way to it for being
/// moved or removed.
fn watch(directory: &Path) -> io::Result<OwnedFd> {
    let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let itself = WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF | WatchFlags::ATTRIB;
    let content = WatchFlags::DELETE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::CLOSE_WRITE;
    let real = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    let way: BTreeSet<PathBuf> =
        directory.ancestors().chain(real.ancestors()).skip(1).map(Path::to_owned).collect();
    for path in way.iter().filter(|path| **path != real && **path != *directory) {
        // One that is missing or not ours to watch is found by the safety net.
        let _ = inotify::add_watch(&inotify, path, itself | WatchFlags::DONT_FOLLOW);
    }
    // It may be missing: then it is about to be made.
    let _ = inotify::add_watch(&inotify, directory, itself | content | WatchFlags::DONT_FOLLOW);
    Ok(inotify)
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::mpsc, time::Instant};

    use rustix::fs::{CWD, RenameFlags, renameat_with};

    use super::*;
    use crate::files::state::Instance;

    const PATIENCE: Duration = Duration::from_secs(20);

    struct Kept {
        root: tempfile::TempDir,
        state: Arc<StateDir>,
        instance: Instance,
        reports: mpsc::Receiver<Result<(), String>>,
        _keeper: Keeper,
    }

    fn kept() -> Kept {
        let root = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(&root.path().join("site/.arcanos")).expect("a directory");
        let state = Arc::new(state);
        let lock = state.lock().expect("nobody has it");
        let instance = Instance::own(&root.path().join("arcanos.toml"));
        state.write_instance(&instance).expect("a record");
        let (sender, reports) = mpsc::sync_channel(64);
        let report: Report = Box::new(move |report| drop(sender.try_send(report)));
        let keeper = Keeper::start(Arc::clone(&state), lock, report).expect("a thread");
        Kept { root, state, instance, reports, _keeper: keeper }
    }

    impl Kept {
        fn await_whole(&self, what: &str) {
            let deadline = Instant::now() + PATIENCE;
            let is_whole = || {
                let record = self.state.read_instance().ok().flatten();
                record.as_ref() == Some(&self.instance) && self.state.is_held().unwrap_or(false)
            };
            while !is_whole() {
                assert!(Instant::now() < deadline, "not made anew after {what}");
                thread::yield_now();
            }
            let names_us = || match self.state.lock() {
                Err(LockError::Held { pid }) => pid == std::process::id(),
                other => panic!("{what}: {other:?}"),
            };
            while !names_us() {
                assert!(Instant::now() < deadline, "no holder is named after {what}");
            }
        }
    }

    #[test]
    fn what_is_removed_moved_or_replaced_is_made_anew_with_lock_and_record() {
        let kept = kept();
        let path = kept.state.path().to_owned();
        let site = kept.root.path().join("site");
        let aside = |n: u32| kept.root.path().join(format!("aside-{n}"));
        let changes: [(&str, &dyn Fn()); 10] = [
            // Again where the keeper wrote a file meanwhile.
            ("rm -rf", &|| while fs::remove_dir_all(&path).is_err() {}),
            ("rm lock", &|| fs::remove_file(path.join("lock")).expect("to remove")),
            ("empty lock", &|| fs::write(path.join("lock"), "").expect("to write")),
            ("foreign lock", &|| fs::write(path.join("lock"), "1 1 x").expect("to write")),
            ("a folder for the lock", &|| {
                fs::remove_file(path.join("lock")).expect("to remove");
                // The keeper may be quicker.
                while fs::create_dir(path.join("lock")).is_err() {
                    let _ = fs::remove_file(path.join("lock"));
                }
            }),
            ("rm instance", &|| fs::remove_file(path.join("instance.json")).expect("to remove")),
            ("torn record", &|| fs::write(path.join("instance.json"), "{").expect("to write")),
            ("mv", &|| fs::rename(&path, aside(0)).expect("to move")),
            ("switch", &|| {
                fs::rename(&path, aside(1)).expect("to move");
                fs::create_dir(&path).expect("another");
                fs::write(path.join("lock"), "").expect("a file");
            }),
            ("mv of the folder above", &|| fs::rename(&site, aside(2)).expect("to move")),
        ];
        for (what, change) in changes {
            change();
            kept.await_whole(what);
        }
    }

    #[test]
    fn a_failure_is_reported_until_it_is_over() {
        let kept = kept();
        let path = kept.state.path().to_owned();
        let file = kept.root.path().join("file");
        fs::write(&file, "").expect("a file");
        let exchange = || renameat_with(CWD, &path, CWD, &file, RenameFlags::EXCHANGE);
        exchange().expect("a file in its place");
        let next = || kept.reports.recv_timeout(PATIENCE).expect("a report");
        let fault = loop {
            if let Err(fault) = next() {
                break fault;
            }
        };
        assert!(fault.contains("is not a directory"), "{fault}");
        fs::remove_file(&path).expect("to remove");
        assert_eq!(next(), Ok(()));
        kept.await_whole("the file in its place");
    }
}
