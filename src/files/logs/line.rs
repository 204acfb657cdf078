//! A line of a log as it is shown, and the streams that lines come from.

use std::{fmt, str::FromStr};

use serde::Serialize;

use crate::{
    config::LogKind,
    domain::{RunId, Stamp, WorkerId},
};

/// The name under which arcanos itself speaks.
pub(super) const ARCANOS: &str = "arcanos";

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// The worker's standard output.
    Stdout,
    /// The worker's standard error.
    Stderr,
    /// What the worker said on its channel.
    Activity,
    /// What arcanos did with it.
    Lifecycle,
}

impl Stream {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Activity => "activity",
            Self::Lifecycle => "lifecycle",
        }
    }

    /// What the config calls it.
    pub(super) const fn kind(self) -> LogKind {
        match self {
            Self::Stdout | Self::Stderr => LogKind::Output,
            Self::Activity => LogKind::Activity,
            Self::Lifecycle => LogKind::Lifecycle,
        }
    }

    /// Whether somebody who asked for `wanted` sees it; without a wish, all is seen.
    pub(super) fn is_wanted(self, wanted: Option<Self>) -> bool {
        wanted.is_none_or(|wanted| wanted == self)
    }
}

impl FromStr for Stream {
    type Err = UnknownStream;

    fn from_str(name: &str) -> Result<Self, UnknownStream> {
        [Self::Stdout, Self::Stderr, Self::Activity, Self::Lifecycle]
            .into_iter()
            .find(|stream| stream.as_str() == name)
            .ok_or(UnknownStream)
    }
}

/// A name that is not the name of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stream is one of `stdout`, `stderr`, `activity`, `lifecycle`")]
pub struct UnknownStream;

/// A line as it is shown: redacted, escaped and cut. `Display` gives the session log's text form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it arrived.
    pub at: Stamp,
    /// The worker it is about; `None` is arcanos itself.
    pub worker: Option<WorkerId>,
    /// Where it comes from; `None` if it was read back from a text log, which does not say.
    pub stream: Option<Stream>,
    /// The run it belongs to, if that is known.
    pub run: Option<RunId>,
    /// The text, without a line end.
    pub text: String,
}

impl LogLine {
    /// The name in front of the line: the worker's id or `arcanos`.
    #[must_use]
    pub fn label(&self) -> &str {
        self.worker.as_ref().map_or(ARCANOS, WorkerId::as_str)
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] [{}] {}", self.at, self.label(), self.text)
    }
}
