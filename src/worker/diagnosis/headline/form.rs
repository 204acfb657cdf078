//! The forms in which languages print the error that ends a program.

use super::super::line::{is_caret, is_frame, is_indented};

/// How an error was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// It stands below the frames of a traceback of Python.
    Traceback,
    /// A group of exceptions of Python.
    Group,
    /// Node printed it below the line of source that threw it.
    Uncaught,
    /// Node printed a thrown value that is not an error.
    Value,
    /// A runtime's own form, which nothing but the runtime prints.
    Runtime,
    /// `NAME: MESSAGE`, which a program may print and go on.
    Named,
    /// Any line above a stack.
    AboveStack,
}

impl Form {
    /// Whether a program can print this and go on.
    pub(super) const fn may_go_on(self) -> bool {
        matches!(self, Self::Named | Self::AboveStack)
    }
}

/// Beginnings that only runtimes print: Go, Java, Deno, Bun, .NET, PHP, C++, Python's own.
const RUNTIME: [&str; 11] = [
    "panic: ",
    "fatal error: ",
    "FATAL ERROR: ",
    "Exception in thread ",
    "error: ",
    "Unhandled exception. ",
    "PHP Fatal error: ",
    "terminate called ",
    "Fatal Python error: ",
    "UnhandledPromiseRejection",
    "[UnhandledPromiseRejection",
];

/// The form of the error whose first line this is.
pub(super) fn of(lines: &[String], at: usize) -> Option<Form> {
    let line = &lines[at];
    if line.trim().is_empty() || is_indented(line) {
        return None;
    }
    if follows_frames(lines, at) {
        return Some(Form::Traceback);
    }
    if RUNTIME.iter().any(|beginning| line.starts_with(beginning)) || is_rust(line) || is_ruby(line)
    {
        return Some(Form::Runtime);
    }
    let is_named = is_named(line);
    let above = |back: usize| at.checked_sub(back).map(|index| lines[index].as_str());
    match (above(1), above(2), above(3)) {
        (Some(""), Some(caret), _) if is_caret(caret) => Some(Form::Uncaught),
        (Some(caret), _, Some(place)) if is_caret(caret) && is_place(place) => {
            let has_stack = lines.get(at + 1).is_some_and(|next| is_frame(next));
            Some(if has_stack || is_named { Form::Uncaught } else { Form::Value })
        }
        _ => is_named.then_some(Form::Named),
    }
}

/// Whether the line holds the name of an error, as `failed: Error: no` does.
pub(super) fn names_error(line: &str) -> bool {
    !is_indented(line)
        && ["Error: ", "Exception: ", "Error [", "Error:"].iter().any(|name| line.contains(name))
}

/// `NAME: MESSAGE` at the beginning of a line, as Node and Python print it.
pub(super) fn is_named(line: &str) -> bool {
    let line = line.strip_prefix("Uncaught ").unwrap_or(line).trim_end();
    let (head, message) = line.split_once(": ").unwrap_or_else(|| (line.trim_end_matches(':'), ""));
    let Some(name) = head.split(" [").next() else {
        return false;
    };
    let is_name = (name.ends_with("Error") || name.ends_with("Exception"))
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$'));
    // A bare word is only an error's name if it is more than that word.
    let is_bare = message.is_empty() && matches!(name, "Error" | "Exception");
    is_name && !is_bare
}

/// Whether the indented lines directly above lead up to the heading of a traceback.
fn follows_frames(lines: &[String], at: usize) -> bool {
    let frames = lines[..at].iter().rev().take_while(|line| is_indented(line)).count();
    let heading = (at - frames).checked_sub(1).map(|index| &lines[index]);
    frames > 0 && heading.is_some_and(|line| line.ends_with("Traceback (most recent call last):"))
}

/// `thread 'main' panicked at src/main.rs:2:5:`
fn is_rust(line: &str) -> bool {
    line.starts_with("thread '") && line.contains(" panicked at ")
}

/// ``a.rb:3:in `run': message (RuntimeError)``
fn is_ruby(line: &str) -> bool {
    let Some((_, class)) = line.rsplit_once(" (") else {
        return false;
    };
    let is_class = class.strip_suffix(')').is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
    });
    is_class && (line.contains(":in `") || line.contains(":in '") || line.contains(".rb:"))
}

/// `/w/a.js:3` or `node:events:502`
fn is_place(line: &str) -> bool {
    let number = line.rsplit_once(':').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
}
