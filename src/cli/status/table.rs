//! The table of workers, as lines of text.
//!
//! Pure: the snapshot, the width and the moment come in, lines go out. Text from workers is
//! escaped here, once more.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::snapshot::StatusSnapshot;
use crate::{
    cli::{
        grid::{Grid, Row, fit, wrap},
        terminal::{Colours, Tone},
        wire::{LastExit, Part, Worker},
    },
    domain::{Exit, State, human_delay, human_uptime},
    text::escape,
};

/// The columns that must go where the terminal has fewer than so many, the first to go first.
const DISPENSABLE: [(Column, u16); 3] =
    [(Column::Model, 72), (Column::Tries, 56), (Column::Pid, 48)];

/// Lines that one line of a trouble may take.
const TROUBLE_HEIGHT: usize = 5;

/// A column but for the note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Worker,
    State,
    Pid,
    Uptime,
    Tries,
    Model,
}

/// How the table is to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct TableLayout {
    /// Columns; `None` cuts and wraps nothing.
    pub(super) width: Option<u16>,
    pub(super) colours: Colours,
    /// What the ages count from.
    pub(super) now: Timestamp,
}

/// The summary, the table and the problems.
pub(super) fn lines(snapshot: &StatusSnapshot, view: &TableLayout) -> Vec<String> {
    let mut lines: Vec<_> = summary(snapshot).iter().map(|line| fit(line, view.width)).collect();
    if snapshot.status.workers.details.is_empty() {
        lines.push("`arcanos scan` says what the folder holds.".to_owned());
    } else {
        lines.push(String::new());
        lines.extend(table(snapshot, view));
    }
    let troubles = troubles(snapshot);
    if !troubles.is_empty() {
        lines.push(String::new());
    }
    for (mark, trouble) in troubles {
        // Several lines of one trouble stay lines.
        for (n, line) in trouble.lines().enumerate() {
            let indent = " ".repeat(mark.len() + 2);
            let width =
                view.width.map_or(usize::MAX, |w| usize::from(w).saturating_sub(indent.len()));
            for (m, part) in
                wrap(&escape(line.as_bytes()), width, TROUBLE_HEIGHT).iter().enumerate()
            {
                let begin = if n + m == 0 { format!("{mark}: ") } else { indent.clone() };
                let text = fit(&format!("{begin}{part}"), view.width);
                lines.push(view.colours.paint(Tone::Bad, &text).into_owned());
            }
        }
    }
    lines
}

/// What is wrong with arcanos as a whole, and what with.
fn troubles<'a>(snapshot: &'a StatusSnapshot) -> Vec<(&'static str, &'a str)> {
    let health = &snapshot.health;
    let parts = [
        ("config not applied", &health.config),
        ("workers' folder", &health.discovery),
        ("model", &health.ai),
    ];
    let error = |(mark, part): (_, &'a Part)| Some((mark, part.error.as_deref()?));
    let mut troubles: Vec<_> = parts.into_iter().filter_map(error).collect();
    // `problems` lists everything that is wrong; what a part reports already is not shown twice.
    for problem in &health.problems {
        if !troubles.iter().any(|(_, text)| text.contains(problem.as_str())) {
            troubles.push(("problem", problem));
        }
    }
    troubles
}

/// Which arcanos it is, and how many workers are in which state.
fn summary(snapshot: &StatusSnapshot) -> [String; 2] {
    let workers = &snapshot.status.workers.details;
    let who = format!(
        "arcanos {} at {}, pid {}, generation {}",
        escape(snapshot.health.version.as_bytes()),
        snapshot.address,
        snapshot.pid,
        snapshot.status.generation,
    );
    let states: Vec<_> = State::ALL
        .iter()
        .map(|state| (state, workers.iter().filter(|w| w.state == state.as_str()).count()))
        .filter(|(_, n)| *n > 0)
        .map(|(state, n)| format!("{n} {state}"))
        .collect();
    let colon = if states.is_empty() { "" } else { ": " };
    [who, format!("{}{colon}{}", plural(workers.len(), "worker"), states.join(", "))]
}

fn plural(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// One line a worker. A note that does not fit beside it stands below it.
fn table(snapshot: &StatusSnapshot, view: &TableLayout) -> Vec<String> {
    let columns = columns(view.width);
    let rows = snapshot.status.workers.details.iter().map(|worker| Row {
        cells: columns.iter().map(|column| column.cell(worker, view.width)).collect(),
        tone: tone(&worker.state),
        note: note(snapshot, worker, view.now),
    });
    let grid = Grid {
        header: columns.iter().map(|column| column.header()).collect(),
        painted: "STATE",
        right: &["PID", "UPTIME", "TRIES"],
        notes: "NOTE",
        rows: rows.collect(),
    };
    grid.lines(view.width, view.colours)
}

fn columns(width: Option<u16>) -> Vec<Column> {
    use Column::{Model, Pid, State, Tries, Uptime, Worker};
    let mut columns = vec![Worker, State, Pid, Uptime, Tries, Model];
    for (column, least) in DISPENSABLE {
        if width.is_some_and(|width| width < least) {
            columns.retain(|known| *known != column);
        }
    }
    columns
}

impl Column {
    const fn header(self) -> &'static str {
        match self {
            Self::Worker => "WORKER",
            Self::State => "STATE",
            Self::Pid => "PID",
            Self::Uptime => "UPTIME",
            Self::Tries => "TRIES",
            Self::Model => "MODEL",
        }
    }

    /// Of 80 columns an id gets 26 and a model 20.
    fn cell(self, worker: &Worker, width: Option<u16>) -> String {
        let none = || "-".to_owned();
        let share = |part: u16| width.map(|width| width / part);
        let seconds = worker.uptime_seconds;
        match self {
            Self::Worker => fit(&escape(worker.id.as_bytes()), share(3)),
            Self::State => escape(worker.state.as_bytes()).into_owned(),
            Self::Pid => worker.pid.map_or_else(none, |pid| pid.to_string()),
            Self::Uptime => {
                seconds.map_or_else(none, |s| human_uptime(Duration::from_secs_f64(s.max(0.0))))
            }
            Self::Tries => attempts(worker),
            Self::Model => worker
                .model
                .as_ref()
                .map_or_else(none, |model| fit(&escape(model.as_bytes()), share(4))),
        }
    }
}

/// `1/3`, or `1` where there is no limit.
fn attempts(worker: &Worker) -> String {
    let spent = worker.attempts.unwrap_or(0);
    match &worker.max_attempts {
        Value::Number(max) => format!("{spent}/{max}"),
        _ => spent.to_string(),
    }
}

/// What a person wants to know of a worker beside its state: when it starts next, why it does
/// not run, what to do.
fn note(snapshot: &StatusSnapshot, worker: &Worker, now: Timestamp) -> String {
    let mut parts = Vec::new();
    if let Some(at) = worker.next_start_at {
        let wait = Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
        parts.push(format!("next in {}", human_delay(rounded(wait))));
    }
    match (worker.state.as_str(), worker.enabled) {
        ("stopped", Some(false)) => parts.push("disabled in the config".to_owned()),
        ("stopped", Some(true)) => parts.push("stopped by hand".to_owned()),
        _ => {}
    }
    parts.extend(past(snapshot, worker, now));
    if worker.changed == Some(true) {
        parts.push("changed, `arcanos restart` applies it".to_owned());
    }
    let n_warnings = worker.warnings.as_ref().map_or(0, Vec::len);
    if n_warnings > 0 {
        parts.push(format!("{}, see `arcanos why`", plural(n_warnings, "warning")));
    }
    parts.join("; ")
}

/// How its last run ended, as far as that is worth a word.
fn past(snapshot: &StatusSnapshot, worker: &Worker, now: Timestamp) -> Option<String> {
    let exit = worker.last_exit.as_ref();
    let ago = exit.and_then(|exit| exit.at).map_or_else(String::new, |at| {
        let age = Duration::try_from(now.duration_since(at)).unwrap_or(Duration::ZERO);
        format!(" {} ago", human_uptime(age))
    });
    let error = snapshot.status.workers.errors.get(&worker.id).or(worker.reason.as_ref());
    let reason = error.or_else(|| exit.and_then(|exit| exit.reason.as_ref())).map(|reason| {
        // Where nothing explains an end, its last words may.
        let words = exit.filter(|exit| exit.is_unexplained()).and_then(|exit| exit.last_words());
        words.map_or_else(|| one_line(reason), |words| one_line(&format!("{reason}: {words}")))
    });
    let is_success = ["completed", "scheduled"].contains(&worker.state.as_str())
        || exit.and_then(LastExit::exit) == Some(Exit::Code(0));
    match (reason, exit.and_then(|exit| exit.how())) {
        (Some(reason), _) if !worker.has_run() => Some(reason),
        (None, Some(how)) if !worker.has_run() => {
            Some(if is_success { format!("done{ago}") } else { format!("ended{ago} by {how}") })
        }
        (Some(reason), Some(_)) => Some(format!("last exit{ago}: {reason}")),
        // It is up, and before that it did its work or was asked to end.
        _ => None,
    }
}

/// Where a worker stands in a list that begins with what needs a person.
pub(super) fn trouble(worker: &Worker) -> usize {
    let is_loop = worker.attempts.is_some_and(|attempts| attempts > 0)
        && ["backoff", "starting", "running"].contains(&worker.state.as_str());
    let state = if is_loop { "backoff" } else { &worker.state };
    let order = ["failed", "backoff", "starting", "stopping", "running", "scheduled", "completed"];
    order.iter().position(|known| *known == state).unwrap_or(order.len())
}

/// Whole seconds from one second on: tenths would only flicker.
fn rounded(wait: Duration) -> Duration {
    if wait < Duration::from_secs(1) {
        wait
    } else {
        Duration::from_secs(wait.as_secs_f64().round() as u64)
    }
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    escape(line.as_bytes()).into_owned()
}

fn tone(state: &str) -> Option<Tone> {
    let state = State::ALL.into_iter().find(|known| known.as_str() == state)?;
    Some(match state {
        State::Running => Tone::Good,
        State::Starting | State::Stopping | State::Backoff => Tone::Busy,
        State::Failed => Tone::Bad,
        State::Completed | State::Scheduled | State::Stopped => Tone::Faint,
    })
}

#[cfg(test)]
mod tests;
