//! Spawning: one thread makes all children, one after another.

use std::{
    ffi::{CString, NulError},
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags, fcntl_setfl, open},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    pipe::{PipeFlags, fcntl_setpipe_size, pipe_with},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
    task::AbortHandle,
};

use super::{
    cgroup::Cgroups,
    command::{Command, SpawnError},
    identity, lookup, proc,
    reaper::Reaper,
    rlimit,
    run::{Leader, Process},
    sys::{self, CHANNEL_FD, Plan, Stack},
};

/// Spawns that may wait for the thread; more wait in their callers.
const QUEUE: usize = 64;

/// How long a spawn may take: an executable on a dead network mount never answers, and the thread
/// with it. Then callers get an answer at least.
const SPAWN_LIMIT: Duration = Duration::from_secs(10);

/// Bytes a pipe of output is asked to hold: Node loses what is beyond at `process.exit`, and the
/// logs read it in fewer turns. The most that Linux grants without privilege, by default.
const PIPE_SIZE: usize = 1 << 20;

/// Runs whose pipes are enlarged if we have no privilege: theirs take half of what all pipes of a
/// user may hold (`pipe-user-pages-soft`, 64 MiB); over that, new ones of any program shrink.
const RUNS_WITH_LARGE_PIPES: usize = 16;

/// The capabilities either of which lifts that bound: CAP_SYS_ADMIN and CAP_SYS_RESOURCE.
const PIPE_CAPABILITIES: u64 = 1 << 21 | 1 << 24;

/// How much more readily the kernel kills a worker than us when memory runs out (proc(5)).
const OOM_SCORE: i32 = 500;

/// The stack of the thread, in bytes; children have another.
const STACK_SIZE: usize = 256 * 1024;

/// Makes processes. Cheap to clone; the last clone and the last [`Process`] end its threads.
#[derive(Clone)]
pub struct Spawner {
    workshop: Arc<Workshop>,
}

/// A new process and our ends of what it was given. The descriptors do not block and are closed
/// by exec.
pub struct Spawned {
    /// Its handle.
    pub process: Process,
    /// What it writes to stdout.
    pub stdout: OwnedFd,
    /// What it writes to stderr.
    pub stderr: OwnedFd,
    /// Our end of the Node channel, for [`Channel::new`](super::Channel::new).
    pub channel: Option<OwnedFd>,
    /// What could not be done for it, in words: a limit that this machine cannot hold.
    pub warnings: Vec<String>,
}

/// What every run keeps alive: the threads.
pub(super) struct Workshop {
    requests: mpsc::Sender<Request>,
    pub(super) reaper: Arc<Reaper>,
    signals: AbortHandle,
}

struct Request {
    command: Command,
    workshop: Arc<Workshop>,
    reply: oneshot::Sender<Result<Launched, SpawnError>>,
}

/// A child before it is known to a runtime. Dropping it kills it.
struct Launched {
    leader: Leader,
    stdout: OwnedFd,
    stderr: OwnedFd,
    channel: Option<OwnedFd>,
    warnings: Vec<String>,
}

impl Spawner {
    /// Makes arcanos the reaper of all that its runs leave behind, and starts the threads.
    ///
    /// # Errors
    /// The machine has no thread, descriptor or signal handler for us.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start() -> io::Result<Self> {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        if proc::adopted().is_none() {
            tracing::warn!("This kernel does not tell who our orphans are; they are not ended.");
        }
        let reaper = Reaper::start()?;
        let mut deaths = signal(SignalKind::child())?;
        let told = Arc::clone(&reaper);
        let signals = tokio::spawn(async move {
            while deaths.recv().await.is_some() {
                told.look();
            }
        });
        let (requests, queue) = mpsc::channel(QUEUE);
        let bench = Bench::new()?;
        thread::Builder::new()
            .name("arcanos-spawn".to_owned())
            .stack_size(STACK_SIZE)
            .spawn(move || bench.work(queue))?;
        let signals = signals.abort_handle();
        let workshop = Workshop { requests, reaper, signals };
        Ok(Self { workshop: Arc::new(workshop) })
    }

    /// Spawns a process and returns once it has executed its program.
    ///
    /// # Errors
    /// [`SpawnError`]; [`SpawnError::is_transient`] tells what may pass by itself.
    ///
    /// # Cancel safety
    /// A process whose spawn was cancelled is killed.
    pub async fn spawn(&self, command: Command) -> Result<Spawned, SpawnError> {
        let spawned = self.request(command);
        let late = SpawnError::Starved {
            step: "execute the program in time",
            errno: Errno::TIMEDOUT.raw_os_error(),
        };
        let launched = tokio::time::timeout(SPAWN_LIMIT, spawned).await.unwrap_or(Err(late))?;
        let process = Process::new(launched.leader).map_err(|error| {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::NOMEM);
            SpawnError::before("watch a process", errno)
        })?;
        Ok(Spawned {
            process,
            stdout: launched.stdout,
            stderr: launched.stderr,
            channel: launched.channel,
            warnings: launched.warnings,
        })
    }

    async fn request(&self, command: Command) -> Result<Launched, SpawnError> {
        let (reply, answer) = oneshot::channel();
        let request = Request { command, workshop: Arc::clone(&self.workshop), reply };
        let gone = || SpawnError::before("reach the spawning thread", Errno::AGAIN);
        let requests = &self.workshop.requests;
        requests.send(request).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        self.signals.abort();
        self.reaper.stop();
    }
}

/// What the spawning thread works with.
struct Bench {
    stack: Stack,
    null: OwnedFd,
    oom_score: CString,
    cgroups: Cgroups,
    has_pipe_privilege: bool,
}

impl Bench {
    fn new() -> io::Result<Self> {
        let null = open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let own = std::fs::read_to_string("/proc/self/oom_score_adj").ok();
        let own: i32 = own.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let oom_score = (own + OOM_SCORE).min(1000).to_string();
        Ok(Self {
            stack: Stack::new(),
            null: above_stdio(null)?,
            oom_score: CString::new(oom_score).expect("digits hold no NUL"),
            cgroups: Cgroups::default(),
            has_pipe_privilege: proc::capabilities() & PIPE_CAPABILITIES != 0,
        })
    }

    fn work(mut self, mut queue: mpsc::Receiver<Request>) {
        while let Some(request) = queue.blocking_recv() {
            if request.reply.is_closed() {
                continue;
            }
            let launched = self.launch(&request.command, &request.workshop);
            // If nobody waits for it any more, dropping it kills it.
            let _ = request.reply.send(launched);
        }
    }

    fn launch(
        &mut self,
        command: &Command,
        workshop: &Arc<Workshop>,
    ) -> Result<Launched, SpawnError> {
        let path = last_value(&command.env, "PATH");
        let program = lookup::resolve(&command.program, path, &command.cwd)?;
        let identity = match &command.user {
            None => None,
            Some(user) => identity::look_up(user).map_err(|reason| SpawnError::Failed {
                step: "become the user",
                path: user.clone(),
                reason,
            })?,
        };
        let mut warnings = Vec::new();
        let cgroup = self.cgroups.limit(command, &mut warnings);
        // Each run holds the workshop, and so do its spawners: near enough.
        let runs = Arc::strong_count(workshop);
        let size = (self.has_pipe_privilege || runs <= RUNS_WITH_LARGE_PIPES).then_some(PIPE_SIZE);
        let (stdout, child_stdout) = output_pipe(size)?;
        let (stderr, child_stderr) = output_pipe(size)?;
        let channel = if command.ipc { Some(channel_pair()?) } else { None };
        let (channel, child_channel) = channel.unzip();
        let stdio = [&self.null, &child_stdout, &child_stderr];
        let plan = Plan {
            program: c_string(command, program.as_os_str().as_bytes())?,
            args: arguments(command)?,
            env: environment(command)?,
            cwd: c_string(command, command.cwd.as_os_str().as_bytes())?,
            stdio: stdio.map(AsRawFd::as_raw_fd),
            channel: child_channel.as_ref().map(AsRawFd::as_raw_fd),
            cgroup: cgroup.as_ref().map(|group| group.procs.as_raw_fd()),
            open_files: rlimit::for_worker(command.limits.open_files),
            oom_score: self.oom_score.clone(),
            identity,
        };
        let (pid, pidfd) = sys::clone_process(&plan, &mut self.stack)
            .map_err(|failure| SpawnError::in_child(failure, command, &text(&program)))?;
        let leader = Leader {
            run: command.run.clone(),
            pid,
            pidfd: Arc::new(pidfd),
            cgroup,
            workshop: Arc::clone(workshop),
            is_reaped: AtomicBool::new(false),
        };
        Ok(Launched { leader, stdout, stderr, channel, warnings })
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn last_value<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = env.iter().rev().find(|(n, _)| n == name);
    found.map(|(_, value)| value.as_str())
}

fn arguments(command: &Command) -> Result<Vec<CString>, SpawnError> {
    std::iter::once(&command.program)
        .chain(&command.args)
        .map(|argument| c_string(command, argument.as_bytes()))
        .collect()
}

/// The environment, the mark of the run first: so it is found soonest.
fn environment(command: &Command) -> Result<Vec<CString>, SpawnError> {
    let mut ours = vec![(proc::MARK, command.run.as_str().to_owned())];
    if command.ipc {
        ours.push(("NODE_CHANNEL_FD", CHANNEL_FD.to_string()));
        ours.push(("NODE_CHANNEL_SERIALIZATION_MODE", "json".to_owned()));
    }
    let names: Vec<&str> = ours.iter().map(|(name, _)| *name).collect();
    let theirs = command.env.iter().enumerate().filter(|(index, (name, _))| {
        let later = command.env.iter().skip(index + 1);
        !names.contains(&name.as_str()) && later.into_iter().all(|(n, _)| n != name)
    });
    let theirs = theirs.map(|(_, (name, value))| (name.as_str(), value.as_str()));
    let ours = ours.iter().map(|(name, value)| (*name, value.as_str()));
    ours.chain(theirs)
        .map(|(name, value)| c_string(command, format!("{name}={value}").as_bytes()))
        .collect()
}

fn c_string(command: &Command, bytes: &[u8]) -> Result<CString, SpawnError> {
    CString::new(bytes).map_err(|_: NulError| SpawnError::Failed {
        step: "hand its arguments and environment to",
        path: command.program.clone(),
        reason: "one of them holds a NUL byte".to_owned(),
    })
}

/// A pipe: our end to read, that does not block, and the child's.
fn output_pipe(size: Option<usize>) -> Result<(OwnedFd, OwnedFd), SpawnError> {
    let starved = |errno| SpawnError::before("make a pipe", errno);
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).map_err(starved)?;
    fcntl_setfl(&ours, OFlags::NONBLOCK).map_err(starved)?;
    if let Some(size) = size {
        // One of the default size works too.
        let _ = fcntl_setpipe_size(&ours, size);
    }
    Ok((ours, above_stdio(theirs).map_err(starved)?))
}

/// A pair of sockets: our end, that does not block, and the child's.
fn channel_pair() -> Result<(OwnedFd, OwnedFd), SpawnError> {
    let starved = |errno| SpawnError::before("make a channel", errno);
    let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
    let pair = socketpair(family, kind, SocketFlags::CLOEXEC, None);
    let (ours, theirs) = pair.map_err(starved)?;
    fcntl_setfl(&ours, OFlags::RDWR | OFlags::NONBLOCK).map_err(starved)?;
    Ok((ours, above_stdio(theirs).map_err(starved)?))
}

/// The same descriptor under a number above 2, where the child's own are put. It has one already,
/// unless somebody closed ours.
fn above_stdio(fd: OwnedFd) -> Result<OwnedFd, Errno> {
    if fd.as_raw_fd() > 2 {
        return Ok(fd);
    }
    rustix::io::fcntl_dupfd_cloexec(fd.as_fd(), 3)
}
