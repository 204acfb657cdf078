//! Finds the cause of a failed run in how it ended and in its last lines on stderr.
//!
//! Where it recognises nothing it says nothing. Lines before the error that ended the run do not
//! count.

mod signs;
#[cfg(test)]
mod tests;

use crate::domain::Exit;
use signs::SIGNS;

/// Openings after which Node names a module that is not there; the name ends with a quote.
const NODE_MISSING: [&str; 2] = ["Cannot find package '", "Cannot find module '"];

/// What Python says of a module that is not there.
const PYTHON_MISSING: &str = "No module named '";

/// The names of errors that mean a file cannot be parsed.
const SYNTAX: [&str; 3] = ["SyntaxError", "IndentationError", "TabError"];

/// Characters of an error's own text that are repeated.
const SHOWN: usize = 200;

/// What the facts and the last lines on stderr (oldest first) say about the cause.
#[must_use]
pub fn diagnose<S: AsRef<str>>(exit: Exit, last_lines: &[S]) -> Option<String> {
    let lines: Vec<&str> = last_lines.iter().map(AsRef::as_ref).collect();
    let head = lines.iter().rposition(|line| error(line).is_some());
    // The error that ended the run is the last one; without one, every line may be telling.
    let told = &lines[head.unwrap_or(0)..];
    let syntax = || syntax_error(&lines, head?);
    let own = || head.map(|at| lines[at].trim().chars().take(SHOWN).collect());
    missing(told)
        .or_else(syntax)
        .or_else(|| sign(told))
        .or_else(own)
        .or_else(|| thrown_value(&lines))
        .or_else(|| fact(exit).map(str::to_owned))
}

/// So many of the last lines, those that tell most: from the error that ended the run on where
/// its stack would fill the room, else the last ones.
#[must_use]
pub fn telling<S: AsRef<str>>(last_lines: &[S], most: usize) -> &[S] {
    let last = last_lines.len().saturating_sub(most);
    let head = last_lines.iter().rposition(|line| error(line.as_ref()).is_some());
    let start = head.map_or(last, |head| head.min(last));
    &last_lines[start..last_lines.len().min(start + most)]
}

/// The package or file that was not found.
fn missing(lines: &[&str]) -> Option<String> {
    let quoted = |line: &str, opening: &str| {
        let start = line.find(opening)? + opening.len();
        let name = line[start..].split('\'').next()?;
        (!name.is_empty()).then(|| name.to_owned())
    };
    let by_python = |line: &&str| quoted(line, PYTHON_MISSING);
    if let Some(name) = lines.iter().rev().find_map(by_python) {
        let remedy = "install it for the Python that runs the worker";
        return Some(format!("the package `{name}` is missing; {remedy}"));
    }
    let by_node = |line: &&str| NODE_MISSING.iter().find_map(|opening| quoted(line, opening));
    let name = lines.iter().rev().find_map(by_node)?;
    Some(match name.starts_with(['/', '.']) {
        true => format!("the file `{name}` is missing"),
        false => format!("the package `{name}` is missing; install it beside the workers"),
    })
}

/// What is wrong with the syntax, and where.
fn syntax_error(lines: &[&str], head: usize) -> Option<String> {
    let (name, message) = error(lines[head])?;
    if !SYNTAX.contains(&name) || message.contains("does not provide an export") {
        return None;
    }
    if message.contains("Cannot use import statement outside a module") {
        return None;
    }
    let place = lines[..head].iter().rev().find_map(|line| place(line));
    let at = place.map_or_else(String::new, |(file, line)| format!(" in {file}, line {line}"));
    let message: String = message.chars().take(SHOWN).collect();
    Some(format!("a syntax error{at}: {message}"))
}

/// The file's name and the line in `file:///w/a.js:2`, `/w/a.cjs:2` or `  File "/w/a.py", line 2`.
fn place(line: &str) -> Option<(&str, u32)> {
    let (path, number) = match line.trim().strip_prefix("File \"") {
        Some(rest) => rest.split_once("\", line ")?,
        None => line.strip_prefix("file://").unwrap_or(line).rsplit_once(':')?,
    };
    let number = number.split(',').next()?.parse().ok()?;
    path.starts_with('/').then_some(())?;
    Some((path.rsplit('/').next()?, number))
}

fn sign(lines: &[&str]) -> Option<String> {
    let is_there =
        |words: &[&str]| lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
    let sign = SIGNS.iter().find(|sign| is_there(sign.words))?;
    Some(sign.meaning.to_owned())
}

/// The name and the text of an error, as Node and Python print it at the beginning of a line.
fn error(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("Uncaught ").unwrap_or(line).trim_end();
    let (head, message) = line.split_once(": ").unwrap_or((line, ""));
    if head == "FATAL ERROR" {
        return Some((head, message));
    }
    let name = head.split(" [").next()?;
    let is_name = (name.ends_with("Error") || name.ends_with("Exception"))
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    // A bare word is only an error's name if it is more than that word.
    let is_bare = message.is_empty() && matches!(name, "Error" | "Exception");
    (is_name && !is_bare).then_some((name, message))
}

/// What a program threw that was no error: Node prints it above a hint.
fn thrown_value(lines: &[&str]) -> Option<String> {
    let hint = lines.iter().rposition(|line| line.starts_with("(Use `node --trace-uncaught"))?;
    let value = lines[..hint].last()?.trim();
    let value: String = value.chars().take(SHOWN).collect();
    (!value.is_empty()).then(|| format!("it threw `{value}`"))
}

/// What the way of its end says alone.
const fn fact(exit: Exit) -> Option<&'static str> {
    Some(match exit {
        Exit::Signal(9) => {
            "something outside arcanos killed it; if the machine ran out of memory, the kernel did"
        }
        Exit::Signal(1 | 2 | 15) => "something outside arcanos asked it to end",
        Exit::Signal(6) => "it aborted",
        Exit::Signal(11) => "it crashed with a segmentation fault",
        Exit::Signal(24) => "it used up its processor time",
        Exit::Signal(25) => "it wrote a file larger than it may",
        Exit::Code(13) => "it waits for a promise that can never settle",
        Exit::Code(126) => "its command may not be executed",
        Exit::Code(127) => "its command was not found",
        Exit::Code(_) | Exit::Signal(_) => return None,
    })
}
