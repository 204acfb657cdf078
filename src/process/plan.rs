//! The launch plan of a child, resolved before the clone, and the step at which it failed.

use std::{ffi::CString, os::fd::RawFd};

use rustix::io::Errno;

use super::rlimit_tag::RlimitTag;

/// Everything that a child needs, looked up and converted: it must not allocate.
pub(super) struct ChildPlan {
    /// The absolute path that is executed.
    pub(super) program: CString,
    /// Its arguments, the name of the program first.
    pub(super) args: Vec<CString>,
    /// `NAME=value`.
    pub(super) env: Vec<CString>,
    /// The working directory.
    pub(super) cwd: CString,
    /// What becomes its descriptors 0, 1 and 2. Each is 3 or more, and closed by exec.
    pub(super) stdio: [RawFd; 3],
    /// What becomes [`CHANNEL_FD`](super::sys::CHANNEL_FD). 3 or more, and closed by exec.
    pub(super) channel: Option<RawFd>,
    /// `cgroup.procs` of the group it joins, open for writing.
    pub(super) cgroup: Option<RawFd>,
    /// Soft and hard limit of open descriptors.
    pub(super) open_files: Option<(u64, u64)>,
    /// What all of its descendants will carry.
    pub(super) rlimit_tag: Option<RlimitTag>,
    /// Its `oom_score_adj`, in decimal.
    pub(super) oom_score: CString,
    /// Whom it becomes; `None` stays who we are.
    pub(super) identity: Option<Identity>,
    /// Whether its programs may raise their rights.
    pub(super) new_privileges: bool,
}

/// A user with all of its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: Vec<u32>,
}

/// What a child does before it is the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Clone,
    Group,
    Cgroup,
    Limits,
    Descriptors,
    Directory,
    User,
    DeathSignal,
    Exec,
}

/// The step that failed, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepFailure {
    pub(super) step: Step,
    pub(super) errno: Errno,
}
