//! `arcanos logs`: what workers wrote, and what became of them.

mod follow;
mod line;

use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::{
    args::{Globals, Logs, MAX_LINES},
    client::find,
    exit::Failure,
    status::pretty,
    terminal::Output,
    verbs::segment,
};
use line::Form;

/// Lines that are shown where neither a number nor a time is given.
const DEFAULT_LINES: u16 = 50;

/// The name under which the server gives the lines of all workers, and arcanos's own.
const ALL: &str = "arcanos";

/// Shows the last lines, and those to come if they are wanted.
///
/// # Errors
/// None runs, there is no such worker, or the output is gone.
pub(crate) async fn run(globals: &Globals, args: &Logs, out: &mut Output) -> Result<(), Failure> {
    let form = Form::of(globals, args);
    if args.follow {
        return follow::run(globals, args, form, out).await;
    }
    let client = find::find(globals)?.client;
    let n_lines = n_lines(args);
    if n_lines == 0 {
        return Ok(());
    }
    let answer = client.read(&path(args, n_lines)).await?;
    if globals.json {
        out.line(&pretty(&answer))?;
        return Ok(out.flush()?);
    }
    for text in answer.get("logs").and_then(Value::as_array).into_iter().flatten() {
        let text = line::render(text.as_str().unwrap_or_default(), form, out.colours());
        out.line(&text)?;
    }
    Ok(out.flush()?)
}

fn n_lines(args: &Logs) -> u16 {
    let default = if args.since.is_some() { MAX_LINES } else { DEFAULT_LINES };
    args.lines.unwrap_or(default)
}

/// Where the server has these lines.
fn path(args: &Logs, n_lines: u16) -> String {
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
