//! The table of workers, as lines of text.
//!
//! Pure: the picture, the width and the moment come in, lines go out. Text from workers is
//! escaped here, once more.

use std::time::Duration;

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, Width, presets,
};
use jiff::Timestamp;
use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Picture;
use crate::{
    cli::{
        terminal::{Colours, Tone},
        wire::Worker,
    },
    domain::{State, human_delay, human_uptime},
    text::escape,
};

const HEADER: [&str; 7] = ["WORKER", "STATE", "PID", "UPTIME", "TRIES", "MODEL", "NOTE"];

/// The column of the state, which has the colour.
const STATE: &str = "STATE";

/// Lines that the note of one worker may take; the rest of a long reason is cut.
const NOTE_HEIGHT: usize = 3;

/// How the table is to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Columns; `None` cuts and wraps nothing.
    pub(super) width: Option<u16>,
    pub(super) colours: Colours,
    /// What the ages count from.
    pub(super) now: Timestamp,
}

/// The summary, the table and the problems.
pub(super) fn lines(picture: &Picture, view: &View) -> Vec<String> {
    let mut lines = vec![fit(&summary(picture), view.width)];
    if picture.status.workers.details.is_empty() {
        lines.push("There are no workers; `arcanos scan` says why.".to_owned());
    } else {
        lines.push(String::new());
        lines.extend(table(picture, view));
    }
    let problems = &picture.health.problems;
    if !problems.is_empty() {
        lines.push(String::new());
        for problem in problems {
            // Several lines of one problem stay lines.
            for (n, line) in problem.lines().enumerate() {
                let mark = if n == 0 { "problem: " } else { "         " };
                let text = fit(&format!("{mark}{}", escape(line.as_bytes())), view.width);
                lines.push(view.colours.paint(Tone::Bad, &text).into_owned());
            }
        }
    }
    lines
}

/// `arcanos 0.1.0, pid 7, generation 3: 2 workers, 1 running, 1 failed`.
fn summary(picture: &Picture) -> String {
    let workers = &picture.status.workers.details;
    let mut text = format!(
        "arcanos {} at {}, pid {}, generation {}: {}",
        escape(picture.health.version.as_bytes()),
        picture.address,
        picture.pid,
        picture.status.generation,
        plural(workers.len(), "worker"),
    );
    for state in State::ALL {
        let n = workers.iter().filter(|worker| worker.state == state.as_str()).count();
        if n > 0 {
            text.push_str(&format!(", {n} {state}"));
        }
    }
    text
}

fn plural(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

fn table(picture: &Picture, view: &View) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(HEADER);
    for worker in &picture.status.workers.details {
        table.add_row(row(picture, worker, view));
    }
    // The last column needs no gap behind it, the first none before.
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for index in [2, 3, 4] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    match view.width {
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            let last = HEADER.len() - 1;
            for column in table.column_iter_mut().take(last) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
            if let Some(note) = table.column_mut(last) {
                note.set_padding((0, 0));
                note.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(12)));
            }
        }
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    paint(lines, view.colours)
}

fn row(picture: &Picture, worker: &Worker, view: &View) -> Row {
    // Of 80 columns an id gets 20 and a model 16: what is left is for the note.
    let share = |part: u16| view.width.map(|width| width / part);
    let uptime = worker.uptime_seconds.filter(|_| worker.pid.is_some());
    let model = worker.model.as_deref().unwrap_or("-");
    let cells = [
        fit(&escape(worker.id.as_bytes()), share(4)),
        escape(worker.state.as_bytes()).into_owned(),
        worker.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        uptime.map_or_else(|| "-".to_owned(), |s| human_uptime(Duration::from_secs_f64(s.max(0.0)))),
        attempts(worker),
        fit(&escape(model.as_bytes()), share(5)),
        note(picture, worker, view.now),
    ];
    let mut row = Row::from(cells);
    if view.width.is_some() {
        row.max_height(NOTE_HEIGHT);
    }
    row
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
fn note(picture: &Picture, worker: &Worker, now: Timestamp) -> String {
    let mut parts = Vec::new();
    if let Some(at) = worker.next_start_at {
        let wait = Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
        parts.push(format!("next in {}", human_delay(rounded(wait))));
    }
    let exit = worker.last_exit.as_ref();
    let reason = picture
        .status
        .workers
        .errors
        .get(&worker.id)
        .or_else(|| exit.and_then(|exit| exit.reason.as_ref()));
    match (reason, exit.and_then(|exit| exit.how())) {
        (Some(reason), _) if worker.pid.is_none() => parts.push(one_line(reason)),
        (None, Some(how)) if worker.pid.is_none() => parts.push(format!("exited with {how}")),
        (reason, Some(how)) => {
            let ago = exit.and_then(|exit| exit.at).map_or_else(String::new, |at| {
                let age = Duration::try_from(now.duration_since(at)).unwrap_or(Duration::ZERO);
                format!(" {} ago", human_uptime(age))
            });
            let why = reason.map_or(how, |reason| one_line(reason));
            parts.push(format!("last exit{ago}: {why}"));
        }
        _ => {}
    }
    if worker.changed == Some(true) {
        parts.push("changed, `arcanos restart` applies it".to_owned());
    }
    let n_warnings = worker.warnings.as_ref().map_or(0, Vec::len);
    if n_warnings > 0 {
        parts.push(format!("{}, see `arcanos why`", plural(n_warnings, "warning")));
    }
    parts.join("; ")
}

/// Whole seconds from one second on: tenths would only flicker.
fn rounded(wait: Duration) -> Duration {
    if wait < Duration::from_secs(1) { wait } else { Duration::from_secs(wait.as_secs_f64().round() as u64) }
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    escape(line.as_bytes()).into_owned()
}

/// The text in at most so many columns, with a mark where it is cut.
pub(super) fn fit(text: &str, width: Option<u16>) -> String {
    let Some(width) = width.map(usize::from).filter(|width| text.width() > *width) else {
        return text.to_owned();
    };
    let mut left = width.saturating_sub(1);
    let head = text.chars().take_while(|c| {
        let columns = c.width().unwrap_or(0);
        let has_room = columns <= left;
        left = left.saturating_sub(columns);
        has_room
    });
    head.chain(['…']).collect()
}

/// The lines with the states in their colours. All before the state is ASCII, and the header says
/// where the column begins.
fn paint(mut lines: Vec<String>, colours: Colours) -> Vec<String> {
    if colours == Colours::Hidden {
        return lines;
    }
    let Some(start) = lines.first().and_then(|header| header.find(STATE)) else { return lines };
    for (n, line) in lines.iter_mut().enumerate() {
        if n == 0 {
            *line = colours.paint(Tone::Strong, line).into_owned();
            continue;
        }
        let Some(start) = byte_at(line, start) else { continue };
        let word = line[start..].split(' ').next().unwrap_or_default();
        if let Some(tone) = tone(word) {
            let painted = colours.paint(tone, word).into_owned();
            line.replace_range(start..start + word.len(), &painted);
        }
    }
    lines
}

/// The byte at which this column of the screen begins; a cut id ends in a mark of three bytes.
fn byte_at(line: &str, column: usize) -> Option<usize> {
    let mut columns = 0;
    line.char_indices().find_map(|(at, c)| {
        let is_there = columns == column;
        columns += c.width().unwrap_or(0);
        is_there.then_some(at)
    })
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
