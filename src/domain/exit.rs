//! How and why a run ended, as facts; their `Display` is the text that people see.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::human_delay;

/// Linux's signal numbers by name, those of x86-64 and arm64 (signal(7)).
const SIGNALS: [(i32, &str); 31] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (10, "SIGUSR1"),
    (11, "SIGSEGV"),
    (12, "SIGUSR2"),
    (13, "SIGPIPE"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
    (16, "SIGSTKFLT"),
    (17, "SIGCHLD"),
    (18, "SIGCONT"),
    (19, "SIGSTOP"),
    (20, "SIGTSTP"),
    (21, "SIGTTIN"),
    (22, "SIGTTOU"),
    (23, "SIGURG"),
    (24, "SIGXCPU"),
    (25, "SIGXFSZ"),
    (26, "SIGVTALRM"),
    (27, "SIGPROF"),
    (28, "SIGWINCH"),
    (29, "SIGIO"),
    (30, "SIGPWR"),
    (31, "SIGSYS"),
];

/// A mebibyte.
const MIB: u64 = 1 << 20;

/// How a process ended: by itself with a code, or by a signal. Never both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Exit {
    /// It exited with this code, 0 to 255.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Exit {
    /// The exit code, if it had one.
    #[must_use]
    pub const fn code(self) -> Option<i32> {
        match self {
            Self::Code(code) => Some(code),
            Self::Signal(_) => None,
        }
    }

    /// The name of the signal that ended it, if one did.
    #[must_use]
    pub fn signal(self) -> Option<String> {
        match self {
            Self::Code(_) => None,
            Self::Signal(number) => Some(signal_name(number)),
        }
    }
}

/// `code C, signal S`, with `null` for what there is not, as the Node system wrote it.
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "code {code}, signal null"),
            Self::Signal(number) => write!(f, "code null, signal {}", signal_name(*number)),
        }
    }
}

/// What is known of the cause of an end, beside code and signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitCause {
    /// It was stopped since it was not ready within `start.timeout`, which was this.
    StartTimeout(Duration),
    /// It was stopped since it ran longer than `start.run_timeout`, which was this.
    RunTimeout(Duration),
    /// It was stopped since its probe failed so many times in a row, the last time with this
    /// reason.
    Unresponsive(u32, String),
    /// It was stopped since it had more memory than `limits.memory`; both in bytes.
    OverMemory {
        /// What it had.
        used: u64,
        /// What it may have.
        limit: u64,
    },
    /// It gave the cause itself, on its channel.
    Said(String),
    /// Its output or the way of its end shows the cause; a sentence of the diagnosis.
    Diagnosed(String),
    /// There was no process: the operating system or the state of the disk forbade it.
    NotLaunched(String),
    /// It ended when it was asked to, but so many processes that it had started did not, and were
    /// killed.
    KilledRemains(usize),
}

impl ExitCause {
    /// The same with texts of at most `max` bytes, cut between two characters.
    #[must_use]
    pub fn shortened(mut self, max: usize) -> Self {
        if let Self::Unresponsive(_, text)
        | Self::Said(text)
        | Self::Diagnosed(text)
        | Self::NotLaunched(text) = &mut self
            && text.len() > max
        {
            text.truncate(text.floor_char_boundary(max));
            text.push('…');
            text.shrink_to_fit();
        }
        self
    }
}

impl fmt::Display for ExitCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartTimeout(limit) => {
                write!(f, "it was not ready within `start.timeout` = {}", human_delay(*limit))
            }
            Self::RunTimeout(limit) => {
                write!(f, "it ran longer than `start.run_timeout` = {}", human_delay(*limit))
            }
            // Rounded apart: what is more also reads as more.
            Self::OverMemory { used, limit } => write!(
                f,
                "it used {} MiB, more than its limits.memory of {} MiB",
                used.div_ceil(MIB),
                limit / MIB
            ),
            Self::KilledRemains(1) => f.write_str(
                "a process that it had started did not end within `stop.timeout` and was killed",
            ),
            Self::KilledRemains(count) => write!(
                f,
                "{count} processes that it had started did not end within `stop.timeout` and were \
                 killed"
            ),
            Self::Unresponsive(1, last) => write!(f, "unresponsive: its probe failed: {last}"),
            Self::Unresponsive(count, last) => {
                write!(f, "unresponsive: its probe failed {count} times in a row, last: {last}")
            }
            Self::Said(text) | Self::Diagnosed(text) | Self::NotLaunched(text) => f.write_str(text),
        }
    }
}

/// Why a run ended, or why there was none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitReason {
    /// It failed by itself, and nothing explains it but its code or signal.
    Unexplained(Exit),
    /// It failed by itself, and the cause is known.
    Failed(ExitCause, Exit),
    /// It was stopped, did its work or was never launched; its code or signal says nothing.
    Cause(ExitCause),
}

impl ExitReason {
    /// What is known beyond code and signal.
    #[must_use]
    pub const fn cause(&self) -> Option<&ExitCause> {
        match self {
            Self::Unexplained(_) => None,
            Self::Failed(cause, _) | Self::Cause(cause) => Some(cause),
        }
    }

    /// The same with texts of at most `max` bytes, cut between two characters.
    #[must_use]
    pub fn shortened(self, max: usize) -> Self {
        match self {
            Self::Unexplained(exit) => Self::Unexplained(exit),
            Self::Failed(cause, exit) => Self::Failed(cause.shortened(max), exit),
            Self::Cause(cause) => Self::Cause(cause.shortened(max)),
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = |exit: &Exit| match exit {
            Exit::Code(code) => format!("exited with code {code}"),
            Exit::Signal(number) => format!("killed by {}", signal_name(*number)),
        };
        match self {
            Self::Unexplained(exit) => f.write_str(&facts(exit)),
            Self::Failed(cause, exit) => write!(f, "{cause} ({})", facts(exit)),
            Self::Cause(cause) => cause.fmt(f),
        }
    }
}

/// The name of a signal, as `SIGTERM`; a real-time signal is `SIG40`.
#[must_use]
pub fn signal_name(number: i32) -> String {
    SIGNALS
        .iter()
        .find(|(n, _)| *n == number)
        .map_or_else(|| format!("SIG{number}"), |(_, name)| (*name).to_owned())
}

/// The number of a signal named `SIGTERM`, `TERM` or `term`.
#[must_use]
pub fn signal_number(name: &str) -> Option<i32> {
    let upper = name.to_ascii_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    SIGNALS.iter().find(|(_, known)| known.strip_prefix("SIG") == Some(bare)).map(|(n, _)| *n)
}

/// The number of a signal that a person names, as `SIGUSR2`, `usr2` or `12`.
#[must_use]
pub fn signal_named(text: &str) -> Option<i32> {
    let known = |number: &i32| SIGNALS.iter().any(|(n, _)| n == number);
    signal_number(text).or_else(|| text.parse().ok().filter(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_reads_as_code_and_signal() {
        assert_eq!(Exit::Code(1).to_string(), "code 1, signal null");
        assert_eq!(Exit::Signal(15).to_string(), "code null, signal SIGTERM");
    }

    #[test]
    fn a_reason_reads_as_its_cause_and_the_facts() {
        let said = || ExitCause::Said("session limit".to_owned());
        let minute = Duration::from_secs(60);
        for (reason, text) in [
            (ExitReason::Unexplained(Exit::Code(1)), "exited with code 1"),
            (ExitReason::Unexplained(Exit::Signal(9)), "killed by SIGKILL"),
            (ExitReason::Failed(said(), Exit::Code(3)), "session limit (exited with code 3)"),
            (ExitReason::Cause(said()), "session limit"),
            (
                ExitReason::Cause(ExitCause::StartTimeout(minute)),
                "it was not ready within `start.timeout` = 1m",
            ),
            (
                ExitReason::Cause(ExitCause::RunTimeout(minute)),
                "it ran longer than `start.run_timeout` = 1m",
            ),
            (
                ExitReason::Cause(ExitCause::Unresponsive(3, "GET x answered 503".to_owned())),
                "unresponsive: its probe failed 3 times in a row, last: GET x answered 503",
            ),
            (
                ExitReason::Cause(ExitCause::Unresponsive(1, "GET x answered 503".to_owned())),
                "unresponsive: its probe failed: GET x answered 503",
            ),
            (
                ExitReason::Cause(ExitCause::OverMemory { used: (64 << 20) + 1, limit: 64 << 20 }),
                "it used 65 MiB, more than its limits.memory of 64 MiB",
            ),
        ] {
            assert_eq!(reason.to_string(), text);
        }
    }

    #[test]
    fn a_long_text_of_a_reason_is_cut_between_characters() {
        let said = |text: &str| ExitReason::Failed(ExitCause::Said(text.to_owned()), Exit::Code(1));
        assert_eq!(said("abc€").shortened(6), said("abc€"));
        assert_eq!(said("abc€def").shortened(5), said("abc…"));
        let unresponsive =
            |text: &str| ExitReason::Cause(ExitCause::Unresponsive(2, text.to_owned()));
        assert_eq!(unresponsive("abcd").shortened(2), unresponsive("ab…"));
    }

    #[test]
    fn signals_have_names_both_ways() {
        for name in ["SIGTERM", "TERM", "term"] {
            assert_eq!(signal_number(name), Some(15));
        }
        assert_eq!(signal_number("SIGNONSENSE"), None);
        for (text, expect) in [
            ("SIGUSR2", Some(12)),
            ("usr2", Some(12)),
            ("12", Some(12)),
            ("0", None),
            ("-9", None),
            ("32", None),
            ("", None),
            ("SIG", None),
        ] {
            assert_eq!(signal_named(text), expect, "{text}");
        }
        assert_eq!(signal_name(40), "SIG40");
    }
}
