//! Finds the error that ended the run, and its own words.
//!
//! The last one counts. Each language prints its errors in a form of its own; a line of no form is
//! the head of an error where a stack stands below it.

mod form;
mod head;
mod words;

pub(super) use head::Head;
pub(super) use words::own_text;

use super::line::{is_decoration, is_frame, is_indented, is_noise};
use form::Form;

/// The last error, if there is one.
pub(super) fn find(lines: &[String]) -> Option<Head> {
    let (at, form) = (0..lines.len()).rev().find_map(|at| at_line(lines, at))?;
    if let Some(at) = group_of(lines, at) {
        return Some(Head { at, end: lines.len(), tail: None, form: Form::Group });
    }
    let tail = form.may_go_on().then(|| tail(lines, at)).flatten();
    Some(Head { at, end: tail.unwrap_or(lines.len()), tail, form })
}

/// The error to which this line leads: its own head, or the last line above its stack.
fn at_line(lines: &[String], at: usize) -> Option<(usize, Form)> {
    if let Some(form) = form::of(lines, at) {
        return Some((at, form));
    }
    let is_above_stack = lines.get(at + 1).is_some_and(|next| is_frame(next));
    let is_cause = lines[at].starts_with("Caused by:");
    if !is_above_stack || is_cause || is_frame(&lines[at]) || lines[at].trim().is_empty() {
        return None;
    }
    // A message may have several lines; its first one names the error.
    let paragraph = (0..=at)
        .rev()
        .take_while(|&above| !lines[above].trim().is_empty() && !is_frame(&lines[above]));
    for above in paragraph {
        if let Some(form) = form::of(lines, above) {
            return Some((above, form));
        }
        if form::names_error(&lines[above]) {
            return Some((above, Form::AboveStack));
        }
    }
    let line = &lines[at];
    let is_head = !is_indented(line) && !is_decoration(line) && !is_noise(line);
    is_head.then_some((at, Form::AboveStack))
}

/// Where the exception group begins of which the error at `at` is a member.
fn group_of(lines: &[String], at: usize) -> Option<usize> {
    let is_rule = |line: &String| line.trim_start().starts_with("+-");
    // The frame of a group is closed below its last member.
    lines[at..].iter().any(is_rule).then_some(())?;
    let begin = lines.iter().position(|line| line.starts_with("Exception Group Traceback"))?;
    let first = (begin + 1..=at).find(|&index| form::of(lines, index).is_some())?;
    lines[first].contains("ExceptionGroup").then_some(first)
}

/// The last thing that was said after the error at `at` and its stack.
fn tail(lines: &[String], at: usize) -> Option<usize> {
    let paragraph = lines[at + 1..].iter().position(|line| line.trim().is_empty());
    let paragraph = paragraph.map_or(lines.len(), |length| at + 1 + length);
    let stack = (at + 1..paragraph).find(|&index| is_frame(&lines[index])).unwrap_or(at + 1);
    let belongs = |line: &String| {
        let is_closing = line.starts_with(['}', ']', ')']);
        let is_heading = line.starts_with("Caused by:") || line.starts_with("Emitted 'error'");
        is_indented(line) || line.is_empty() || is_closing || is_heading
    };
    let after = lines[stack..].iter().position(|line| !belongs(line))?;
    let rest = stack + after..lines.len();
    let is_said = |&index: &usize| {
        !is_indented(&lines[index]) && !is_noise(&lines[index]) && !is_npm(&lines[index])
    };
    rest.rev().find(is_said)
}

fn is_npm(line: &str) -> bool {
    line.starts_with("npm ")
}
