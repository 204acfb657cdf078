//! Builds the request for log lines to the status server.

use std::fmt::Write as _;

use crate::cli::{
    args::{Logs, MAX_LINES},
    verbs::segment,
};

/// Lines that are shown where neither a number nor a time is given.
const DEFAULT_LINES: u16 = 50;

/// The name under which the server gives the lines of all workers, and arcanos's own.
pub(super) const ALL: &str = "arcanos";

/// The name under which it gives what arcanos did with all workers.
pub(super) const LIFECYCLE: &str = "WorkerManager";

/// How many lines of the past are wanted.
pub(super) fn n_lines(args: &Logs) -> u16 {
    let default = if args.since.is_some() { MAX_LINES } else { DEFAULT_LINES };
    args.lines.unwrap_or(default)
}

/// The path and query of these lines.
pub(super) fn path(args: &Logs, n_lines: u16) -> String {
    let whose = args.worker.as_deref().map_or_else(|| ALL.to_owned(), segment);
    let mut path = format!("/workers/logs/{whose}?lines={n_lines}");
    if let Some(stream) = args.stream {
        path.push_str("&stream=");
        path.push_str(stream.as_str());
    }
    if let Some(since) = args.since {
        // Writing to a string cannot fail. A time in UTC has no character to be encoded.
        let _ = write!(path, "&since={since:.3}");
    }
    path
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn args(words: &str) -> Logs {
        let line = ["arcanos", "logs"].into_iter().chain(words.split_whitespace());
        match Cli::try_parse_from(line).expect("good usage").command {
            Some(Command::Logs(logs)) => logs,
            other => panic!("not logs: {other:?}"),
        }
    }

    #[test]
    fn the_query_says_what_is_wanted() {
        for (words, expect) in [
            ("a", "/workers/logs/a?lines=50"),
            ("a -n 7 --stream stderr", "/workers/logs/a?lines=7&stream=stderr"),
            ("--all", "/workers/logs/arcanos?lines=50"),
            (
                "a/b --since 2026-11-23T17:00:00Z",
                "/workers/logs/a%2Fb?lines=5000&since=2026-11-23T17:00:00.000Z",
            ),
        ] {
            let args = args(words);
            assert_eq!(path(&args, n_lines(&args)), expect, "{words}");
        }
    }
}
