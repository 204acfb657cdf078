//! `arcanos logs -f`: the lines as they come, over restarts of the worker and of arcanos.
//!
//! A stream begins with lines of the past. After a lost connection it is asked for all the past
//! there is, and lines that were printed already are known by their time and text and skipped.

use std::{
    collections::HashMap,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use hyper::StatusCode;
use jiff::Timestamp;
use tokio::time::sleep;

use super::{
    line::{self, Form},
    request::{n_lines, path},
};
use crate::cli::{
    args::{Globals, Logs, MAX_LINES},
    client::{ClientError, Events, SseEvent, find},
    exit::Failure,
    terminal::Output,
    until_interrupt::Interrupt,
};

/// How often an arcanos that has gone, or does not know the worker yet, is asked again.
const SEARCH: Duration = Duration::from_millis(500);

/// What the follower waited for.
enum Wake {
    Event(Result<Option<SseEvent>, ClientError>),
    Interrupted,
}

/// Why the lines of one connection ended.
enum End {
    Interrupted,
    Lost,
}

/// Prints lines until Ctrl-C.
///
/// # Errors
/// None runs at first, there is no such worker, or the output is gone.
pub(super) async fn run(
    globals: &Globals,
    args: &Logs,
    form: Form,
    out: &mut Output,
) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let mut seen = Seen::default();
    let client = find::find(globals)?.client;
    // After a lost connection, what was there before this moment is not wanted again.
    let later = Logs { since: Some(Timestamp::now()), ..args.clone() };
    let first = match n_lines(args) {
        0 => follow_path(&later, MAX_LINES),
        n_lines => follow_path(args, n_lines),
    };
    let mut events = client.events(&first, None).await?;
    loop {
        match print(&mut events, form, &mut seen, (out, &mut interrupt)).await? {
            End::Interrupted => return Ok(()),
            End::Lost => notify("arcanos has gone; waiting for the next one (Ctrl-C ends this)"),
        }
        seen.connection_lost();
        events = tokio::select! {
            // Cancel-safe: see `Interrupt::next`.
            () = interrupt.next() => return Ok(()),
            // Cancel-safe: a search holds nothing.
            events = search(globals, &later) => events?,
        };
        notify("arcanos is back");
    }
}

fn follow_path(args: &Logs, n_lines: u16) -> String {
    format!("{}&follow=1", path(args, n_lines))
}

/// Prints what this connection brings.
async fn print(
    events: &mut Events,
    form: Form,
    seen: &mut Seen,
    (out, interrupt): (&mut Output, &mut Interrupt),
) -> Result<End, Failure> {
    loop {
        if !events.has_more() {
            out.flush()?;
        }
        let wake = tokio::select! {
            // Cancel-safe: see `Interrupt::next`.
            () = interrupt.next() => Wake::Interrupted,
            // Cancel-safe: see `Events::next`.
            event = events.next() => Wake::Event(event),
        };
        match wake {
            Wake::Interrupted => return Ok(End::Interrupted),
            Wake::Event(Ok(Some(event))) if event.kind == "line" => {
                if seen.is_new(&event.data) {
                    out.line(&line::render(&event.data, form, out.colours()))?;
                }
            }
            Wake::Event(Ok(Some(event))) => {
                out.flush()?;
                notify(&notice(&event));
            }
            Wake::Event(Ok(None) | Err(_)) => {
                out.flush()?;
                return Ok(End::Lost);
            }
        }
    }
}

/// Waits until an arcanos runs that knows the worker.
///
/// # Errors
/// It refuses for another reason than that.
async fn search(globals: &Globals, args: &Logs) -> Result<Events, Failure> {
    loop {
        sleep(SEARCH).await;
        let Ok(found) = find::find(globals) else {
            continue;
        };
        match found.client.events(&follow_path(args, MAX_LINES), None).await {
            Ok(events) => return Ok(events),
            Err(ClientError::Refused { status, message })
                if status.is_client_error() && status != StatusCode::NOT_FOUND =>
            {
                return Err(ClientError::Refused { status, message }.into());
            }
            Err(_) => {}
        }
    }
}

/// What the stream says beside lines.
fn notice(event: &SseEvent) -> String {
    match event.kind.as_str() {
        "lagged" => format!("{} lines came too fast and are missing here", event.data),
        kind => format!("{kind}: {}", event.data),
    }
}

/// A word beside the lines, for a person only.
fn notify(text: &str) {
    let stderr = io::stderr();
    if stderr.is_terminal() {
        // Whoever cannot see it loses nothing.
        let _ = writeln!(stderr.lock(), "-- {}", crate::text::escape(text.as_bytes()));
    }
}

/// What was printed last, so that it is not printed again.
///
/// Invariant: `latest` holds every line that was printed with the time `at`.
#[derive(Debug, Default)]
struct Seen {
    at: String,
    latest: HashMap<String, u32>,
    /// While the past comes anew: the lines of the time `at` that have not come again.
    replay: Option<HashMap<String, u32>>,
}

impl Seen {
    /// What comes next begins with the past.
    fn connection_lost(&mut self) {
        self.replay = (!self.at.is_empty()).then(|| self.latest.clone());
    }

    /// Whether the line was not printed before; then it counts as printed.
    fn is_new(&mut self, line: &str) -> bool {
        let Some(at) = line::parts(line).map(|parts| parts.at) else {
            return true;
        };
        if let Some(replay) = &mut self.replay {
            if *at < *self.at {
                return false;
            }
            if at == self.at
                && let Some(n) = replay.get_mut(line).filter(|n| **n > 0)
            {
                *n -= 1;
                return false;
            }
            if *at > *self.at {
                self.replay = None;
            }
        }
        if at != self.at {
            at.clone_into(&mut self.at);
            self.latest.clear();
        }
        *self.latest.entry(line.to_owned()).or_default() += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_ones<'a>(seen: &mut Seen, lines: &[&'a str]) -> Vec<&'a str> {
        lines.iter().copied().filter(|line| seen.is_new(line)).collect()
    }

    #[test]
    fn what_comes_again_after_a_lost_connection_is_passed_over() {
        let mut seen = Seen::default();
        let first = ["[1] [a] one", "[2] [a] two", "[2] [a] two", "[2] [a] three"];
        assert_eq!(new_ones(&mut seen, &first), first);
        seen.connection_lost();
        let again = [
            "[1] [a] one",
            "[2] [a] two",
            "[2] [a] two",
            "[2] [a] three",
            "[2] [a] two",
            "[3] [a] one",
            "[3] [a] one",
        ];
        assert_eq!(new_ones(&mut seen, &again), again[4..]);
        seen.connection_lost();
        assert_eq!(new_ones(&mut seen, &again[4..]), [""; 0]);
    }

    #[test]
    fn while_a_connection_lasts_every_line_is_new() {
        let mut seen = Seen::default();
        let lines = ["[2] [a] x", "[1] [a] x", "[1] [a] x", "odd"];
        assert_eq!(new_ones(&mut seen, &lines), lines);
        seen.connection_lost();
        assert_eq!(new_ones(&mut seen, &["odd", "[3] [a] x"]), ["odd", "[3] [a] x"]);
    }

    #[test]
    fn nothing_printed_means_nothing_to_pass_over() {
        let mut seen = Seen::default();
        seen.connection_lost();
        assert_eq!(new_ones(&mut seen, &["[1] [a] x"]), ["[1] [a] x"]);
    }
}
