//! The work of a spawning thread: makes children, one after another.
//!
//! The thread never ends before its children, because their death signal is bound to the thread
//! that made them. It stands still until the child has executed its program. It looks up nothing
//! on a disk or in a directory of users: that is done before.

use std::{
    ffi::{CString, NulError},
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use rustix::{
    fs::{Gid, Mode, OFlags, Uid, fchown, fcntl_setfl, open},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    pipe::{PipeFlags, fcntl_setpipe_size, pipe_with},
};

use super::{
    cgroup::Cgroups,
    command::{Command, SpawnError},
    leader::{Ends, Launched, Leader, SpawnRequest, SpawnerInner},
    lookup::Found,
    memory::MemoryWatch,
    plan::{ChildPlan, Identity},
    proc, rlimit,
    rlimit_tag::RlimitTag,
    sys::{self, CHANNEL_FD, Stack},
};
use crate::{
    domain::{Stdin, os_text},
    procfs,
    sync::lock,
};

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

/// What the spawning thread works with.
pub(super) struct SpawnThread {
    stack: Stack,
    null: OwnedFd,
    oom_score: CString,
    cgroups: Arc<Mutex<Cgroups>>,
    has_pipe_privilege: bool,
}

impl SpawnThread {
    pub(super) fn new(cgroups: Arc<Mutex<Cgroups>>) -> io::Result<Self> {
        let null = open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let own = std::fs::read_to_string("/proc/self/oom_score_adj").ok();
        let own: i32 = own.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let oom_score = (own + OOM_SCORE).min(1000).to_string();
        Ok(Self {
            stack: Stack::new(),
            null: above_stdio(null)?,
            oom_score: CString::new(oom_score).expect("digits hold no NUL"),
            cgroups,
            has_pipe_privilege: procfs::own_capabilities() & PIPE_CAPABILITIES != 0,
        })
    }

    /// Launches what is asked for, if anybody still waits for it.
    pub(super) fn answer(&mut self, request: SpawnRequest) {
        if request.reply.is_closed() {
            return;
        }
        let launched = self.launch(&request);
        // If nobody waits for it any more, dropping it kills it. The turn ends after that.
        let _ = request.reply.send(launched);
        drop(request.turn);
    }

    fn launch(&mut self, request: &SpawnRequest) -> Result<Launched, SpawnError> {
        let SpawnRequest { found, spawner, turn, .. } = request;
        let Found { command, program, identity } = found;
        let mut warnings = Vec::new();
        let cgroup = lock(&self.cgroups).limit(command, &mut warnings);
        let (ours, theirs) = self.ends(command, spawner)?;
        if let Some(identity) = identity {
            give_to(identity, [&theirs.stdout, &theirs.stderr])?;
        }
        let stdin = theirs.stdin.as_ref().unwrap_or(&self.null);
        let plan = ChildPlan {
            program: c_string(command, program.as_os_str().as_bytes())?,
            args: arguments(command)?,
            env: environment(command)?,
            cwd: c_string(command, command.cwd.as_os_str().as_bytes())?,
            stdio: [stdin, &theirs.stdout, &theirs.stderr].map(AsRawFd::as_raw_fd),
            channel: theirs.channel.as_ref().map(AsRawFd::as_raw_fd),
            cgroup: cgroup.as_ref().map(|group| group.procs.as_raw_fd()),
            open_files: rlimit::for_worker(command.limits.open_files),
            rlimit_tag: RlimitTag::of(&command.run),
            oom_score: self.oom_score.clone(),
            identity: identity.clone(),
            new_privileges: command.new_privileges,
        };
        let cloned = sys::clone_process(&plan, &mut self.stack, &turn.half_born);
        let (pid, pidfd) = cloned.map_err(|failure| {
            SpawnError::in_child(failure, command, &os_text::shown_path(program))
        })?;
        let unheld = command.limits.memory.filter(|_| cgroup.is_none());
        let memory = unheld.map(|limit| {
            MemoryWatch::new(command.run.clone(), pid.as_raw_pid().cast_unsigned(), limit)
        });
        let leader = Leader {
            run: command.run.clone(),
            pid,
            pidfd: Arc::new(pidfd),
            cgroup,
            spawner: Arc::clone(spawner),
            is_reaped: AtomicBool::new(false),
        };
        Ok(Launched { leader, ends: ours, memory, warnings })
    }

    /// The pipes and the channel of a run: our ends and its own.
    fn ends(
        &self,
        command: &Command,
        spawner: &Arc<SpawnerInner>,
    ) -> Result<(Ends, Ends), SpawnError> {
        // Each run holds the spawner once, and so do a few handles: near enough.
        let runs = Arc::strong_count(spawner);
        let size = (self.has_pipe_privilege || runs <= RUNS_WITH_LARGE_PIPES).then_some(PIPE_SIZE);
        let stdin = if command.stdin == Stdin::Open { Some(input_pipe()?) } else { None };
        let (stdin, their_stdin) = stdin.unzip();
        let (stdout, their_stdout) = output_pipe(size)?;
        let (stderr, their_stderr) = output_pipe(size)?;
        let channel = if command.ipc { Some(channel_pair()?) } else { None };
        let (channel, their_channel) = channel.unzip();
        let ours = Ends { stdin, stdout, stderr, channel };
        let theirs = Ends {
            stdin: their_stdin,
            stdout: their_stdout,
            stderr: their_stderr,
            channel: their_channel,
        };
        Ok((ours, theirs))
    }
}

fn arguments(command: &Command) -> Result<Vec<CString>, SpawnError> {
    std::iter::once(&command.program)
        .chain(&command.args)
        .map(|argument| c_string(command, &os_text::bytes(argument)))
        .collect()
}

/// The environment, the mark of the run first: there the reaper finds it soonest.
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
        .map(|(name, value)| c_string(command, &os_text::bytes(&format!("{name}={value}"))))
        .collect()
}

fn c_string(command: &Command, bytes: &[u8]) -> Result<CString, SpawnError> {
    CString::new(bytes).map_err(|_: NulError| SpawnError::Failed {
        step: "hand its arguments and environment to",
        path: os_text::shown(&command.program).into_owned(),
        reason: "one of them holds a NUL byte".to_owned(),
    })
}

/// A pipe that nothing is written to: our end, which keeps it open, and the child's.
fn input_pipe() -> Result<(OwnedFd, OwnedFd), SpawnError> {
    let starved = |errno| SpawnError::before("make a pipe", errno);
    let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC).map_err(starved)?;
    Ok((ours, above_stdio(theirs).map_err(starved)?))
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

/// Makes pipes the user's, who could not open `/dev/stdout` and `/dev/stderr` otherwise.
fn give_to(identity: &Identity, pipes: [&OwnedFd; 2]) -> Result<(), SpawnError> {
    let (user, group) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    pipes.into_iter().try_for_each(|pipe| {
        fchown(pipe, Some(user), Some(group))
            .map_err(|errno| SpawnError::before("give the output to its user", errno))
    })
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
