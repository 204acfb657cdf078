//! Makes a child and has it execute its program: from `clone` to `execve`.
//!
//! It does what `posix_spawn` does, which has no way to set a death signal, limits or a user. The
//! child shares our memory until it executes, while the thread that made it is suspended
//! (`CLONE_VM | CLONE_VFORK`): nothing is copied, however large arcanos is. So the child must not
//! allocate, lock, panic or call anything of glibc that touches its state: it makes system calls,
//! and writes how far it came into a [`Frame`] that the parent reads afterwards.
//!
//! It does not look anything up: programs, users and limits arrive resolved in a [`ChildPlan`].

use std::{
    cell::Cell,
    ffi::{CStr, CString, c_char, c_int, c_long, c_void},
    os::fd::{FromRawFd, OwnedFd, RawFd},
    ptr,
};

use rustix::{
    io::Errno,
    process::{Pid, WaitId, WaitIdOptions, waitid},
};

use super::{CHANNEL_FD, last_errno};
use crate::process::{
    half_born::HalfBorn,
    plan::{ChildPlan, Identity, Step, StepFailure},
};

/// Bytes of the child's stack. It needs under 2 KiB; glibc's `posix_spawn` takes 32 KiB.
const STACK_SIZE: usize = 64 * 1024;

/// The size of the kernel's signal set, in bytes: 64 signals.
const SIGSET_SIZE: usize = 8;

/// The stack that children use, one at a time.
pub(in crate::process) struct Stack(Box<[u128]>);

impl Stack {
    pub(in crate::process) fn new() -> Self {
        Self(vec![0; STACK_SIZE / size_of::<u128>()].into_boxed_slice())
    }
}

/// What parent and child share. Holds pointers only, so that the child need not even index.
struct Frame<'a> {
    plan: &'a ChildPlan,
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
    parent: c_long,
    /// Written by the child, read by the parent once the child has executed or is gone.
    failure: Cell<Option<StepFailure>>,
}

/// Clones a child and waits until it is the program or has failed.
///
/// Returns its process id, which stays reserved until it is waited for, and its pidfd.
pub(in crate::process) fn clone_process(
    plan: &ChildPlan,
    stack: &mut Stack,
    half_born: &HalfBorn,
) -> Result<(Pid, OwnedFd), StepFailure> {
    let frame = Frame {
        plan,
        argv: pointers(&plan.args),
        envp: pointers(&plan.env),
        parent: i64::from(std::process::id()),
        failure: Cell::new(None),
    };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    let signals = block_signals();
    // SAFETY: the stack is ours alone for the length of the call (`&mut`), grows downwards from its
    // 16-byte aligned end, and is large enough for `child`. `frame` and `half_born` outlive the call,
    // because CLONE_VFORK suspends this thread until the child has executed or exited, and nobody
    // else has the frame; the slot is atomic. Signals are blocked, so that no handler of ours runs
    // in the child.
    let pid = unsafe {
        let top = stack.0.as_mut_ptr_range().end.cast::<c_void>();
        let argument = ptr::from_ref(&frame).cast_mut().cast::<c_void>();
        libc::clone(child, top, flags, argument, half_born.slot())
    };
    let cloned = if pid < 0 { Err(last_errno()) } else { Ok(pid) };
    restore_signals(signals);
    let pidfd = half_born.take();
    let pid = cloned.map_err(|errno| StepFailure { step: Step::Clone, errno })?;
    // SAFETY: with CLONE_PIDFD the kernel has stored a new descriptor there that nobody else owns:
    // those who may signal the child borrow it, and no longer can.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let pid = Pid::from_raw(pid).expect("clone gives the parent a positive id");
    frame.failure.get().map_or(Ok(()), Err).inspect_err(|_| {
        // It exits without having become the program; its zombie must not stay.
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
    })?;
    Ok((pid, pidfd))
}

/// A null-terminated array of pointers into `strings`.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    let end = std::iter::once(ptr::null());
    strings.iter().map(|s| s.as_ptr()).chain(end).collect()
}

/// Blocks every signal for this thread, those of glibc too, and returns what was blocked before.
fn block_signals() -> u64 {
    let all = u64::MAX;
    let mut old = 0_u64;
    // SAFETY: both sets are of the size that is passed, and live through the call.
    unsafe {
        let (all, old) = (&raw const all, &raw mut old);
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, all, old, SIGSET_SIZE);
    }
    old
}

/// Blocks exactly `mask` for this thread. Makes one system call: good in a child.
fn restore_signals(mask: u64) {
    // SAFETY: the set is of the size that is passed, and lives through the call.
    unsafe {
        let (mask, none) = (&raw const mask, ptr::null_mut::<u64>());
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, mask, none, SIGSET_SIZE);
    }
}

/// The child's whole life in our memory.
extern "C" fn child(argument: *mut c_void) -> c_int {
    // SAFETY: `clone_process` passes its frame, which outlives us (CLONE_VFORK).
    let frame = unsafe { &*argument.cast::<Frame<'_>>() };
    let Err(failure) = become_program(frame);
    frame.failure.set(Some(failure));
    // SAFETY: leaves at once; no destructor and no exit handler of the parent runs.
    unsafe { libc::_exit(127) }
}

/// The steps, in the order that their rights need: as root first, then as the user.
fn become_program(frame: &Frame<'_>) -> Result<std::convert::Infallible, StepFailure> {
    let plan = frame.plan;
    reset_signals();
    // SAFETY: plain system calls with numbers, or with pointers into the plan, which outlives us.
    unsafe {
        check(Step::Group, libc::syscall(libc::SYS_setpgid, 0, 0))?;
        if let Some(procs) = plan.cgroup {
            // "0" is whoever writes it.
            check(Step::Cgroup, libc::syscall(libc::SYS_write, procs, c"0".as_ptr(), 1))?;
        }
    }
    set_limits(plan)?;
    set_oom_score(&plan.oom_score);
    place_descriptors(plan)?;
    // SAFETY: a system call with a pointer into the plan.
    check(Step::Directory, unsafe { libc::syscall(libc::SYS_chdir, plan.cwd.as_ptr()) })?;
    if let Some(identity) = &plan.identity {
        become_user(identity)?;
    }
    if !plan.new_privileges {
        forbid_new_privileges()?;
    }
    die_with(frame.parent)?;
    restore_signals(0);
    // SAFETY: the path and both null-terminated arrays belong to the frame, which outlives us.
    let failed = unsafe {
        let (argv, envp) = (frame.argv.as_ptr(), frame.envp.as_ptr());
        libc::syscall(libc::SYS_execve, plan.program.as_ptr(), argv, envp)
    };
    check(Step::Exec, failed)?;
    Err(StepFailure { step: Step::Exec, errno: Errno::INVAL })
}

/// What a system call said, as a failure of the step.
fn check(step: Step, answer: c_long) -> Result<c_long, StepFailure> {
    if answer < 0 {
        return Err(StepFailure { step, errno: last_errno() });
    }
    Ok(answer)
}

/// Gives every signal its default action: exec would keep the ignored ones ignored, and until then
/// a handler of ours would write into memory that is not the child's alone.
fn reset_signals() {
    // The kernel's `sigaction` with no handler, no flags, no mask: zeroes on every architecture.
    let default = [0_u64; 4];
    for signal in 1..=64 {
        // SAFETY: the action is as large as the kernel reads. SIGKILL and SIGSTOP are refused.
        unsafe {
            let (action, none) = (default.as_ptr(), ptr::null_mut::<u64>());
            libc::syscall(libc::SYS_rt_sigaction, signal, action, none, SIGSET_SIZE);
        }
    }
}

/// Forbids core dumps, which would hold secrets; limits descriptors; and sets the tag of the run.
fn set_limits(plan: &ChildPlan) -> Result<(), StepFailure> {
    check(Step::Limits, set_limit(libc::RLIMIT_CORE, (0, 0)))?;
    if let Some(limit) = plan.open_files {
        check(Step::Limits, set_limit(libc::RLIMIT_NOFILE, limit))?;
    }
    if let Some(rlimit_tag) = plan.rlimit_tag {
        // An arcanos below another one may not raise what it inherited: no failure.
        set_limit(libc::RLIMIT_RTTIME, (rlimit_tag.soft, rlimit_tag.hard));
    }
    Ok(())
}

/// Sets a soft and a hard limit of the caller.
fn set_limit(resource: libc::__rlimit_resource_t, (soft, hard): (u64, u64)) -> c_long {
    let limit = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    let none = ptr::null_mut::<libc::rlimit64>();
    // SAFETY: the limit lives through the call; 0 is the caller itself.
    unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource as c_int, &raw const limit, none) }
}

/// Makes the kernel prefer it to us when memory runs out. Not every machine lets us: no failure.
fn set_oom_score(score: &CStr) {
    // SAFETY: system calls with strings that live through them, and a descriptor that was just
    // opened. It stays open until exec closes it.
    unsafe {
        let path = c"/proc/self/oom_score_adj".as_ptr();
        let flags = libc::O_WRONLY | libc::O_CLOEXEC;
        let file = libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, 0);
        if file >= 0 {
            libc::syscall(libc::SYS_write, file, score.as_ptr(), score.count_bytes());
        }
    }
}

/// Puts descriptors 0, 1, 2 and the channel in place and has exec close all others.
fn place_descriptors(plan: &ChildPlan) -> Result<(), StepFailure> {
    let [stdin, stdout, stderr] = plan.stdio;
    place(stdin, 0)?;
    place(stdout, 1)?;
    place(stderr, 2)?;
    let mut first_closed = CHANNEL_FD;
    if let Some(channel) = plan.channel {
        // Last, because one of the others may have been the parent's 3.
        place(channel, CHANNEL_FD)?;
        first_closed += 1;
    }
    // SAFETY: only numbers. An old kernel refuses it; all of ours are closed by exec anyway.
    unsafe {
        let flags = libc::CLOSE_RANGE_CLOEXEC;
        libc::syscall(libc::SYS_close_range, first_closed, u32::MAX, flags);
    }
    Ok(())
}

/// Makes `target` another name of `source` that exec keeps.
fn place(source: RawFd, target: c_int) -> Result<(), StepFailure> {
    // SAFETY: only numbers. The child has a descriptor table of its own.
    let answer = unsafe {
        if source == target {
            libc::syscall(libc::SYS_fcntl, source, libc::F_SETFD, 0)
        } else {
            libc::syscall(libc::SYS_dup3, source, target, 0)
        }
    };
    check(Step::Descriptors, answer).map(|_| ())
}

/// Becomes the user for good. glibc's own calls would change every thread of the parent.
fn become_user(identity: &Identity) -> Result<(), StepFailure> {
    let (uid, gid) = (identity.uid, identity.gid);
    let (mut users, mut groups) = ([0_u32; 3], [0_u32; 3]);
    // SAFETY: system calls with numbers and pointers to arrays of the size they take.
    unsafe {
        let (count, list) = (identity.groups.len(), identity.groups.as_ptr());
        check(Step::User, libc::syscall(libc::SYS_setgroups, count, list))?;
        check(Step::User, libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        check(Step::User, libc::syscall(libc::SYS_setresuid, uid, uid, uid))?;
        let [real, effective, saved] = &mut users;
        check(Step::User, libc::syscall(libc::SYS_getresuid, real, effective, saved))?;
        let [real, effective, saved] = &mut groups;
        check(Step::User, libc::syscall(libc::SYS_getresgid, real, effective, saved))?;
    }
    if users != [uid; 3] || groups != [gid; 3] {
        return Err(StepFailure { step: Step::User, errno: Errno::PERM });
    }
    Ok(())
}

/// Has programs that would raise their rights (setuid, file capabilities) run with those of the
/// worker: what has more rights than arcanos, arcanos cannot end.
fn forbid_new_privileges() -> Result<(), StepFailure> {
    // SAFETY: only numbers.
    let set = unsafe { libc::syscall(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    check(Step::User, set).map(|_| ())
}

/// Asks to be killed when the thread that spawned us ends. After the change of user, which clears
/// it; and it comes too late if that thread has ended meanwhile.
fn die_with(parent: c_long) -> Result<(), StepFailure> {
    // SAFETY: only numbers.
    unsafe {
        let set = libc::syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
        check(Step::DeathSignal, set)?;
        if libc::syscall(libc::SYS_getppid) != parent {
            return Err(StepFailure { step: Step::DeathSignal, errno: Errno::SRCH });
        }
    }
    Ok(())
}
