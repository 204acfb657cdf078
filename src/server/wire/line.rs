//! The JSON of log lines.

use serde::Serialize;

use crate::{
    domain::{RunId, Stamp},
    files::logs::{LogLine, Stream},
};

/// A line with `?format=json`; the keys are those of a session log in JSON.
#[derive(Serialize)]
pub(in crate::server) struct Line<'a> {
    ts: Stamp,
    worker: &'a str,
    /// `None` if it was read back from a text log, which does not say.
    kind: Option<&'static str>,
    stream: Option<Stream>,
    run: Option<&'a RunId>,
    message: &'a str,
}

impl<'a> Line<'a> {
    pub(in crate::server) fn new(line: &'a LogLine) -> Self {
        let kind = line.stream.map(|stream| match stream {
            Stream::Stdout | Stream::Stderr => "output",
            Stream::Activity => "activity",
            Stream::Lifecycle => "lifecycle",
        });
        let stream = line.stream.filter(|_| kind == Some("output"));
        let (ts, worker, run) = (line.at, line.label(), line.run.as_ref());
        Self { ts, worker, kind, stream, run, message: &line.text }
    }
}
