//! Formats what `arcanos why` knows of a file as lines of text.

use std::time::Duration;

use bytesize::ByteSize;
use jiff::Timestamp;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::story::Story;
use crate::{
    cli::{
        client::ClientError,
        grid::{fit, flow},
        json::understand,
        scan::{tone, word},
        terminal::{Colours, Output, Tone},
        wire::Worker,
    },
    discovery::VerdictKind,
    domain::{human_delay, human_uptime},
    text::escape,
};

/// A line of source that is longer is cut: of minified code the rest says nothing.
const MAX_SOURCE: u16 = 160;

/// How the lines are to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineLayout {
    /// Columns; without a number no sentence is broken.
    pub(super) width: Option<u16>,
    pub(super) colours: Colours,
}

impl LineLayout {
    pub(super) fn of(out: &Output) -> Self {
        Self { width: out.table_width(), colours: out.colours() }
    }

    /// A sentence, indented; what does not fit goes on below, further in.
    fn sentence(self, text: &str, tone: Option<Tone>) -> Vec<String> {
        let room = self.width.map_or(usize::MAX, |width| usize::from(width).saturating_sub(4));
        let parts = flow(&escape(text.as_bytes()), room, usize::MAX);
        let lines = parts.iter().enumerate().map(|(n, part)| {
            let line = format!("{}{part}", if n == 0 { "  " } else { "    " });
            tone.map_or_else(|| line.clone(), |tone| self.colours.paint(tone, &line).into_owned())
        });
        lines.collect()
    }
}

/// The verdict, what it rests on, and the worker's life.
///
/// # Errors
/// The running arcanos's answer cannot be understood.
pub(super) fn lines(story: &Story, view: LineLayout) -> Result<Vec<String>, ClientError> {
    let colours = view.colours;
    let verdict = &story.verdict;
    let painted = colours.paint(tone(verdict.verdict), word(verdict.verdict));
    let path = escape(story.path.as_bytes());
    let mut lines = vec![match (&verdict.id, verdict.verdict) {
        (Some(id), VerdictKind::Worker) => format!("{path}: {painted} `{id}`"),
        _ => format!("{path}: {painted}"),
    }];
    if let Some(reason) = &verdict.reason {
        lines.extend(view.sentence(reason, None));
    }
    let at = verdict.line.map(|line| format!("line {line}"));
    let by = verdict.rule.as_ref().map(|rule| format!("rule `{}`", escape(rule.as_bytes())));
    let grounds: Vec<_> = by.into_iter().chain(at).collect();
    if !grounds.is_empty() {
        lines.push(format!("  by {}", grounds.join(", ")));
    }
    if let (Some(number), Some(source)) = (verdict.line, &story.source) {
        lines.extend(excerpt(number, source, &story.packages, colours));
    }
    // The running arcanos gives those of the worker itself.
    let warnings = if story.worker.is_some() { &[] } else { &*story.warnings };
    for warning in warnings {
        lines.extend(view.sentence(&format!("warning: {warning}"), Some(Tone::Busy)));
    }
    if let Some(worker) = &story.worker {
        lines.extend(life(&understand::<Worker>(worker.clone())?, view));
    }
    Ok(lines)
}

/// The line of source, with a mark under what decided.
fn excerpt(number: u32, source: &str, packages: &[String], colours: Colours) -> Vec<String> {
    let indent = source.len() - source.trim_start().len();
    let named = packages.iter().find_map(|package| {
        [format!("'{package}"), format!("\"{package}"), format!("`{package}")]
            .iter()
            .find_map(|quoted| source.find(quoted.as_str()).map(|at| (at + 1, package.len())))
    });
    let (start, length) = named.unwrap_or_else(|| (indent, source.trim().len()));
    // Tabs have no width of their own here; one column each keeps the mark under its place.
    let flat = |text: &str| escape(text.replace('\t', " ").as_bytes()).into_owned();
    let before = flat(&source[..start]);
    let marked = flat(&source[start..start + length]);
    // A line that is too long is shown from shortly before its mark.
    let skipped = before.width().saturating_sub(usize::from(MAX_SOURCE) / 2);
    let before: String = match skipped {
        0 => before,
        _ => format!("…{}", before.chars().skip(skipped).collect::<String>()),
    };
    let shown =
        fit(&format!("{before}{marked}{}", flat(&source[start + length..])), Some(MAX_SOURCE));
    let room = usize::from(MAX_SOURCE).saturating_sub(before.width()).max(1);
    let mark = "^".repeat(marked.width().clamp(1, room));
    let margin = " ".repeat(number.to_string().len());
    vec![
        format!("  {margin} |"),
        format!("  {number} | {shown}"),
        format!("  {margin} | {}{}", " ".repeat(before.width()), colours.paint(Tone::Good, &mark)),
    ]
}

/// How the worker fares in the running arcanos.
pub(super) fn life(worker: &Worker, view: LineLayout) -> Vec<String> {
    let now = Timestamp::now();
    let mut state = format!("  state: {}", escape(worker.state.as_bytes()));
    if let Some(pid) = worker.pid {
        state.extend([", pid ".to_owned(), pid.to_string()]);
    }
    if let Some(seconds) = worker.uptime_seconds {
        let age = human_uptime(Duration::from_secs_f64(seconds.max(0.0)));
        state.extend([", up for ", &age]);
    }
    if let Some(starts) = worker.starts {
        state.extend([", starts so far: ".to_owned(), starts.to_string()]);
    }
    match (worker.state.as_str(), worker.enabled) {
        ("stopped", Some(false)) => state.push_str(", disabled in the config"),
        ("stopped", Some(true)) => state.push_str(", by hand, until `arcanos start`"),
        _ => {}
    }
    let mut lines = vec![state];
    if let Some(reason) = &worker.reason {
        lines.extend(view.sentence(&format!("reason: {reason}"), Some(Tone::Bad)));
    }
    lines.extend(last_exit(worker, now, view));
    let spent = worker.attempts.unwrap_or(0);
    match &worker.max_attempts {
        Value::Number(max) => lines.push(format!("  attempts: {spent} of {max}")),
        _ => lines.push(format!("  attempts: {spent}, without a limit")),
    }
    if let Some(at) = worker.next_start_at {
        let wait = Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
        lines.push(format!("  next start: in {}, at {at:.0}", human_delay(wait)));
    }
    if worker.changed == Some(true) {
        lines.push("  changed since it was started; `arcanos restart` applies it".to_owned());
    }
    for warning in worker.warnings.iter().flatten() {
        lines.extend(view.sentence(&format!("warning: {warning}"), Some(Tone::Busy)));
    }
    lines
}

/// How the last run ended, after how long, and what it said last.
fn last_exit(worker: &Worker, now: Timestamp, view: LineLayout) -> Vec<String> {
    let Some(exit) = &worker.last_exit else { return Vec::new() };
    let how = exit.how().unwrap_or_else(|| "it could not be launched".to_owned());
    let ago = exit.at.map_or_else(String::new, |at| {
        let age = Duration::try_from(now.duration_since(at)).unwrap_or(Duration::ZERO);
        format!(", {} ago", human_uptime(age))
    });
    let ran = exit.uptime_seconds.filter(|_| exit.how().is_some()).map_or_else(String::new, |s| {
        format!(", after {}", human_delay(Duration::from_secs_f64(s.max(0.0))))
    });
    let why = exit.reason.as_ref().filter(|reason| Some(*reason) != worker.reason.as_ref());
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    let mut lines = view.sentence(&format!("last exit: {how}{ran}{ago}{why}"), None);
    if let Some(peak) = exit.peak_memory_bytes {
        let shown = ByteSize(peak).display().iec();
        lines.push(format!("  peak memory: {shown}"));
    }
    let said = exit.last_lines.as_deref().unwrap_or_default();
    if !said.is_empty() {
        lines.push("  its last lines on stderr:".to_owned());
    }
    for line in said {
        let text = format!("    {}", escape(line.as_bytes()));
        lines.push(view.colours.paint(Tone::Faint, text.trim_end()).into_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u32, source: &str, package: &str) -> String {
        excerpt(number, source, &[package.to_owned()], Colours::Hidden).join("\n")
    }

    #[test]
    fn the_mark_stands_under_what_decided() {
        assert_eq!(
            at(3, "const OpenAI = require('openai');", "openai"),
            "    |\n  3 | const OpenAI = require('openai');\n    |                         ^^^^^^"
        );
        assert_eq!(at(12, "\t#worker ", "openai"), "     |\n  12 |  #worker \n     |  ^^^^^^^");
        assert_eq!(
            at(1, "日 \"openai\"", "openai"),
            "    |\n  1 | 日 \"openai\"\n    |     ^^^^^^"
        );
    }

    #[test]
    fn a_sentence_is_broken_between_words_and_loses_nothing() {
        let path = "/a/path/that/is/longer/than/the/terminal/is/wide";
        let text = format!("reason: the file {path} is missing; see why");
        let view = LineLayout { width: Some(24), colours: Colours::Hidden };
        let lines = view.sentence(&text, None);
        assert_eq!(lines[0], "  reason: the file");
        assert_eq!(lines[1..], [format!("    {path}"), "    is missing; see why".to_owned()]);
        let wide = LineLayout { width: None, ..view };
        assert_eq!(wide.sentence(&text, None), [format!("  {text}")]);
    }

    #[test]
    fn minified_code_is_shown_around_the_mark() {
        let source = format!("{}require(\"openai\"){}", "x;".repeat(5000), ";y".repeat(5000));
        let text = at(1, &source, "openai");
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.iter().all(|line| line.width() < 180), "{text}");
        let mark = lines[2].find('^').expect("a mark");
        let column = lines[2][..mark].width();
        let under: String = lines[1].chars().skip(column).take(6).collect();
        assert_eq!(under, "openai");
    }
}
