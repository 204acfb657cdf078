//! `arcanos status --watch`: the table, kept up to date in place; as JSON, a line a change.
//!
//! Channels: none of its own; it reads the stream of `/events` and asks anew when something
//! happened. Ages are counted on here between two answers.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::time::sleep;

use super::{snapshot::StatusSnapshot, table};
use crate::cli::{
    args::Globals,
    client::{ClientError, SseEvent, find},
    exit::Failure,
    json::json_safe,
    terminal::Output,
    until_interrupt::Interrupt,
};

/// How often ages are counted on: they have whole seconds.
const TICK: Duration = Duration::from_secs(1);

/// The shortest time between two questions, however much happens.
const REDRAW_DEBOUNCE: Duration = Duration::from_millis(200);

/// Without an event, the longest time between two questions.
const STALE: Duration = Duration::from_secs(10);

/// How often an arcanos that has gone is looked for.
const SEARCH: Duration = Duration::from_millis(500);

const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// What woke the watch.
enum Wake {
    Happened(Result<Option<SseEvent>, ClientError>),
    Tick,
    Interrupted,
}

/// Why the watch of one arcanos ended.
enum End {
    Interrupted,
    Lost,
}

/// Watches until Ctrl-C, over restarts of arcanos.
///
/// # Errors
/// None runs at first, it refuses, or the output is gone.
pub(super) async fn run(globals: &Globals, out: &mut Output) -> Result<(), Failure> {
    let mut found = find::find(globals)?;
    let mut interrupt = Interrupt::listen()?;
    let form = if globals.json { Form::Json } else { Form::Table };
    let mut screen = Screen { out, form, n_drawn: 0 };
    screen.text(HIDE_CURSOR)?;
    let ended = loop {
        match watch(&found, &mut screen, &mut interrupt).await {
            Ok(End::Interrupted) => break Ok(()),
            Ok(End::Lost) => {}
            Err(failure) => break Err(failure),
        }
        match wait_for_next(globals, &mut screen, &mut interrupt).await {
            Ok(Some(next)) => found = next,
            Ok(None) => break Ok(()),
            Err(failure) => break Err(failure),
        }
    };
    // The cursor comes back however it ended, and what the shell says next has a line of its own.
    screen.text(SHOW_CURSOR)?;
    screen.text("\n")?;
    ended
}

/// Shows this arcanos until it is lost or the person has seen enough.
async fn watch(
    found: &find::Found,
    screen: &mut Screen<'_>,
    interrupt: &mut Interrupt,
) -> Result<End, Failure> {
    let mut events = match found.client.events("/events", None).await {
        Ok(events) => events,
        Err(refusal @ ClientError::Refused { .. }) => return Err(refusal.into()),
        Err(_) => return Ok(End::Lost),
    };
    loop {
        let Ok(snapshot) = screen.fetch(found).await else {
            return Ok(End::Lost);
        };
        let asked = Instant::now();
        let mut is_stale = false;
        screen.show(&snapshot, Duration::ZERO)?;
        while !is_stale || asked.elapsed() < REDRAW_DEBOUNCE {
            let pause =
                if is_stale { REDRAW_DEBOUNCE.saturating_sub(asked.elapsed()) } else { TICK };
            let wake = tokio::select! {
                // Cancel-safe: see `Interrupt::next`.
                () = interrupt.next() => Wake::Interrupted,
                // Cancel-safe: see `Events::next`.
                event = events.next() => Wake::Happened(event),
                // Cancel-safe: the time that has passed is counted from `asked`.
                () = sleep(pause) => Wake::Tick,
            };
            match wake {
                Wake::Interrupted => return Ok(End::Interrupted),
                Wake::Happened(Ok(Some(_))) => is_stale = true,
                Wake::Happened(_) => return Ok(End::Lost),
                // A pipe hears of what happens, not of time that passes.
                Wake::Tick if screen.is_redrawn() => {
                    is_stale |= asked.elapsed() >= STALE;
                    screen.show(&snapshot, asked.elapsed())?;
                }
                Wake::Tick => {}
            }
        }
    }
}

/// Looks for the next arcanos; `None` if the person has seen enough.
async fn wait_for_next(
    globals: &Globals,
    screen: &mut Screen<'_>,
    interrupt: &mut Interrupt,
) -> Result<Option<find::Found>, Failure> {
    screen.note("arcanos has gone; waiting for the next one (Ctrl-C ends this)")?;
    let search = async {
        loop {
            sleep(SEARCH).await;
            if let Ok(found) = find::find(globals)
                && StatusSnapshot::fetch(&found).await.is_ok()
            {
                return found;
            }
        }
    };
    Ok(tokio::select! {
        // Cancel-safe: see `Interrupt::next`.
        () = interrupt.next() => None,
        // Cancel-safe: a search holds nothing.
        found = search => Some(found),
    })
}

fn table_lines(snapshot: &StatusSnapshot, age: Duration, out: &Output) -> Vec<String> {
    let mut snapshot = snapshot.clone();
    for worker in &mut snapshot.status.workers.details {
        worker.uptime_seconds = worker.uptime_seconds.map(|seconds| seconds + age.as_secs_f64());
    }
    // What does not fit the screen is cut off below.
    snapshot.status.workers.details.sort_by_key(table::trouble);
    let view = table::TableLayout {
        width: out.table_width(),
        colours: out.colours(),
        now: Timestamp::now(),
    };
    table::lines(&snapshot, &view)
}

/// How what is seen is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Json,
}

/// What is to be seen, in the form of the [`Screen`].
#[expect(clippy::large_enum_variant, reason = "one of it lives at a time")]
enum Seen {
    Table(StatusSnapshot),
    Json(String),
}

/// The part of the terminal that is drawn over.
struct Screen<'a> {
    out: &'a mut Output,
    form: Form,
    n_drawn: usize,
}

impl Screen<'_> {
    async fn fetch(&self, found: &find::Found) -> Result<Seen, ClientError> {
        Ok(match self.form {
            Form::Table => Seen::Table(StatusSnapshot::fetch(found).await?),
            Form::Json => {
                let answer = found.client.read("/workers/status").await?;
                Seen::Json(json_safe(&answer.to_string()))
            }
        })
    }

    fn show(&mut self, seen: &Seen, age: Duration) -> Result<(), Failure> {
        match seen {
            Seen::Table(snapshot) => self.draw(&table_lines(snapshot, age, self.out)),
            Seen::Json(line) => {
                self.out.line(line)?;
                Ok(self.out.flush()?)
            }
        }
    }

    /// Says something beside the workers; who reads JSON reads no words.
    fn note(&mut self, text: &str) -> Result<(), Failure> {
        match self.form {
            Form::Table => self.draw(&[text.to_owned()]),
            Form::Json => Ok(()),
        }
    }

    /// Whether it is drawn over as time passes.
    fn is_redrawn(&self) -> bool {
        self.form == Form::Table && self.out.is_terminal()
    }

    /// Writes control codes, to a terminal only.
    fn text(&mut self, codes: &str) -> Result<(), Failure> {
        if self.is_redrawn() {
            self.out.text(codes)?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Draws over what was drawn before. What does not fit the height is left out and counted,
    /// since lines that have scrolled away cannot be drawn over.
    fn draw(&mut self, lines: &[String]) -> Result<(), Failure> {
        self.out.measure();
        let Some(height) = self.out.height().map(usize::from) else {
            return self.append(lines);
        };
        let room = height.saturating_sub(1).max(2);
        if self.n_drawn > 0 {
            self.out.text(&format!("\x1b[{}A", self.n_drawn))?;
        }
        self.out.text("\r\x1b[J")?;
        let n_shown = if lines.len() > room { room - 1 } else { lines.len() };
        for line in &lines[..n_shown] {
            self.out.line(line)?;
        }
        self.n_drawn = n_shown;
        if n_shown < lines.len() {
            self.out.line(&format!("… and {} more lines", lines.len() - n_shown))?;
            self.n_drawn += 1;
        }
        Ok(self.out.flush()?)
    }

    /// For a pipe: one table after the other.
    fn append(&mut self, lines: &[String]) -> Result<(), Failure> {
        for line in lines {
            self.out.line(line)?;
        }
        self.out.line("")?;
        Ok(self.out.flush()?)
    }
}
