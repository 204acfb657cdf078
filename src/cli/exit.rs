//! The exit codes, and [`Failure`], the error type of the command line.
//!
//! Nothing here ends the process; `main` turns a [`Failure`] into the exit code.

use std::fmt;

/// Done.
pub const DONE: u8 = 0;
/// It failed; an unknown worker or file, too.
pub const FAILED: u8 = 1;
/// The command line or the config is wrong.
pub const BAD_USAGE: u8 = 2;
/// Another arcanos holds the state directory.
pub const ALREADY_RUNNING: u8 = 3;
/// The status server's address cannot be listened on.
pub const CANNOT_LISTEN: u8 = 4;
/// There is no running arcanos to talk to.
pub const NOT_RUNNING: u8 = 5;
/// A second SIGINT killed everything: 128 + 2.
pub const SECOND_INTERRUPT: u8 = 130;
/// A second SIGTERM killed everything: 128 + 15.
pub const SECOND_TERMINATE: u8 = 143;

/// Why a subcommand did not do what it was asked, and what can be done about it.
///
/// Shown as its details, if it has any, then `error: MESSAGE`, then `hint: REMEDY` if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    code: u8,
    details: String,
    message: String,
    remedy: Option<String>,
}

impl Failure {
    /// A failure that ends arcanos with this code.
    ///
    /// The message is a lower-case fragment that fits after `error:`.
    #[must_use]
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, details: String::new(), message: message.into(), remedy: None }
    }

    /// An early end that is not a failure: nothing is printed.
    #[must_use]
    pub(crate) const fn quiet() -> Self {
        Self { code: DONE, details: String::new(), message: String::new(), remedy: None }
    }

    /// Puts lines before the message, as they stand.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into();
        self
    }

    /// An end with this exit code of which everything was said already.
    #[must_use]
    pub(crate) fn silent(code: u8) -> Self {
        Self { code, ..Self::quiet() }
    }

    /// Says what the reader can do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The exit code, one of the constants beside this.
    #[must_use]
    pub const fn code(&self) -> u8 {
        self.code
    }

    /// What went wrong, without the remedy.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.details.is_empty() {
            writeln!(f, "{}", self.details.trim_end())?;
        }
        write!(f, "error: {}", self.message)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\nhint: {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_come_first() {
        let failure = Failure::new(BAD_USAGE, "it has 1 error").with_details("a.toml:1:1: x: y\n");
        assert_eq!(failure.to_string(), "a.toml:1:1: x: y\nerror: it has 1 error");
    }

    #[test]
    fn a_failure_names_the_fault_and_then_the_remedy() {
        let bare = Failure::new(FAILED, "worker `a` not found");
        assert_eq!(bare.to_string(), "error: worker `a` not found");
        let full = bare.with_remedy("`arcanos status` lists them");
        assert_eq!(
            full.to_string(),
            "error: worker `a` not found\nhint: `arcanos status` lists them"
        );
    }
}
