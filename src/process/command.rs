//! The command to spawn, and the errors of spawning it.

use std::{io, path::PathBuf, time::Duration};

use rustix::io::Errno;

use super::plan::{Step, StepFailure};
use crate::domain::{Limits, RunId, Stdin, os_text};

/// A process to be spawned. Not `Debug`: its environment holds secrets.
#[derive(Clone)]
pub struct Command {
    /// A path, or a name to be looked up on the `PATH` of [`Self::env`]. This, the arguments and the
    /// environment are as [`os_text`] keeps them.
    pub program: String,
    /// Its arguments, without the program.
    pub args: Vec<String>,
    /// Its whole environment, but for what this room adds: `ARCANOS_RUN_ID`, and with a channel
    /// `NODE_CHANNEL_FD` and `NODE_CHANNEL_SERIALIZATION_MODE`. Of two entries of one name the
    /// last counts.
    pub env: Vec<(String, String)>,
    /// Its working directory, absolute.
    pub cwd: PathBuf,
    /// Whether it gets a Node channel.
    pub ipc: bool,
    /// What it finds on its stdin.
    pub stdin: Stdin,
    /// What it may use.
    pub limits: Limits,
    /// The system user it runs as; `None` is ours. Another one needs root.
    pub user: Option<String>,
    /// Whether its programs may raise their rights, as `sudo` and `ping` do.
    pub new_privileges: bool,
    /// The run that it is: all that it starts is known by this.
    pub run: RunId,
}

/// Why a process could not be spawned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpawnError {
    /// The program does not exist, or is nowhere on the worker's `PATH` (then a bare name).
    #[error("find the program `{path}`{}", if path.contains('/') { "" } else { " on the worker's PATH" })]
    Missing {
        /// Where it should be.
        path: String,
    },
    /// The machine refuses for the moment: no processes, no descriptors, no memory, or the file is
    /// not there.
    #[error("{step}: {}", io::Error::from_raw_os_error(*errno))]
    ResourceShortage {
        /// What was tried, and with which program if there is one.
        step: String,
        /// The system's number of the reason.
        errno: i32,
    },
    /// It did not come to an end in time. What goes on of it is killed as soon as it can be.
    #[error("launch it within {} s: {step}", .limit.as_secs_f32())]
    Hangs {
        /// What holds it up.
        step: &'static str,
        /// How long it had.
        limit: Duration,
    },
    /// The system user of the run may not do it.
    #[error("{step} `{path}` as user {user}: {reason}")]
    Forbidden {
        /// What was tried.
        step: &'static str,
        /// With which file or folder.
        path: String,
        /// As whom.
        user: String,
        /// The system's words.
        reason: String,
    },
    /// It fails again until somebody mends the cause.
    #[error("{step} `{path}`: {reason}")]
    Failed {
        /// What was tried.
        step: &'static str,
        /// With which file, folder or user.
        path: String,
        /// Why it failed.
        reason: String,
    },
}

impl SpawnError {
    /// Whether the same may work a moment later: then it must spend no attempt.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::ResourceShortage { .. })
    }

    /// A failure of what we do for a child before there is one.
    pub(super) fn before(step: &'static str, errno: Errno) -> Self {
        if is_shortage(errno) {
            return Self::ResourceShortage { step: step.to_owned(), errno: errno.raw_os_error() };
        }
        Self::Failed { step, path: String::new(), reason: words(errno) }
    }

    /// A failure in the child itself.
    pub(super) fn in_child(failure: StepFailure, command: &Command, program: &str) -> Self {
        let StepFailure { step, errno } = failure;
        let (step, path) = match step {
            Step::Clone => ("make a process for", program.to_owned()),
            Step::Group => ("give a process group to", program.to_owned()),
            Step::Cgroup => ("put into its cgroup", program.to_owned()),
            Step::Limits => ("limit", program.to_owned()),
            Step::Descriptors => ("give its descriptors to", program.to_owned()),
            Step::Directory => ("enter the folder", os_text::shown_path(&command.cwd)),
            Step::User => ("become the user", command.user.clone().unwrap_or_default()),
            Step::DeathSignal => ("bind to arcanos", program.to_owned()),
            Step::Exec => ("execute", program.to_owned()),
        };
        if is_shortage(errno) {
            let step = format!("{step} `{path}`");
            return Self::ResourceShortage { step, errno: errno.raw_os_error() };
        }
        let is_barred = errno == Errno::ACCESS && !std::path::Path::new(program).is_dir();
        if let (Step::Exec | Step::Directory, true, Some(user)) =
            (failure.step, is_barred, &command.user)
        {
            let reason = format!("{}; may this user read all folders above it?", words(errno));
            return Self::Forbidden { step, path, user: user.clone(), reason };
        }
        let reason = match (failure.step, errno) {
            (Step::Exec, Errno::NOENT) => {
                "its interpreter does not exist; look at its first line".to_owned()
            }
            (Step::Exec, Errno::NOEXEC) => {
                "it is neither a program nor a script with `#!` on its first line".to_owned()
            }
            (Step::Exec, Errno::ACCESS) if std::path::Path::new(program).is_dir() => {
                "it is a folder".to_owned()
            }
            (Step::Exec, Errno::ACCESS) => {
                format!("{}; is it executable (`chmod +x`)?", words(errno))
            }
            _ => words(errno),
        };
        Self::Failed { step, path, reason }
    }
}

/// The system's text for an error.
fn words(errno: Errno) -> String {
    io::Error::from_raw_os_error(errno.raw_os_error()).to_string()
}

/// Whether an error passes by itself. A program that is being written is executable once it is closed.
fn is_shortage(errno: Errno) -> bool {
    [Errno::AGAIN, Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::TXTBSY]
        .contains(&errno)
}
