//! The own words of an error, on one line: its first line, what that line leads up to, and its
//! innermost cause.

use super::{
    super::line::{is_caret, is_decoration, is_frame, is_noise},
    form::{self, Form},
    head::Head,
};

/// Lines of a message that are joined at most: what is longer is cut anyway.
const JOINED: usize = 40;

/// Lines after the first that a message of Python may have, and that are kept.
const CONTINUED: usize = 2;

/// Characters of a cause that are repeated.
const CAUSE_SHOWN: usize = 160;

/// The error's own words, on one line.
pub(in super::super) fn own_text(lines: &[String], head: &Head) -> String {
    let block = &lines[head.at..head.end];
    let first = block[0].trim();
    match head.form {
        Form::Value => format!("it threw `{}`", opened(block).unwrap_or_else(|| first.to_owned())),
        Form::Group => match first_member(block) {
            Some(member) => format!("{first}: {member}"),
            None => first.to_owned(),
        },
        _ => {
            let text = whole(block, head.form);
            match cause(block).filter(|cause| !text.contains(cause.as_str())) {
                Some(cause) => format!("{text}; caused by: {cause}"),
                None => text,
            }
        }
    }
}

/// The first line, with what it leads up to.
fn whole(block: &[String], form: Form) -> String {
    let first = block[0].trim();
    if let Some(rejected) = rejection(first) {
        return rejected;
    }
    if let Some(opened) = opened(block) {
        return opened;
    }
    if first.starts_with("AggregateError") && !first.contains(": ") {
        let inner = block[1..].iter().map(|line| line.trim()).find(|line| form::is_named(line));
        let inner = inner.or_else(|| {
            block[1..].iter().map(|line| line.trim()).find(|line| line.starts_with("Error: "))
        });
        return inner.map_or_else(
            || first.to_owned(),
            |inner| format!("{}: {inner}", first.trim_end_matches(':')),
        );
    }
    if first.ends_with(':') || first.starts_with("terminate called") {
        let next = block[1..]
            .iter()
            .find(|line| !is_frame(line) && !is_caret(line) && !is_decoration(line));
        return next.map_or_else(|| first.to_owned(), |next| format!("{first} {}", next.trim()));
    }
    let more = block[1..].iter().take_while(|line| !line.is_empty() && !is_noise(line));
    let more = more.take(if form == Form::Traceback { CONTINUED } else { 0 });
    let parts: Vec<&str> = std::iter::once(first).chain(more.map(|line| line.trim())).collect();
    parts.join(" ")
}

/// A message that is a list or an object over several lines, as that of a `ZodError`, on one.
fn opened(block: &[String]) -> Option<String> {
    let first = block[0].trim();
    first.ends_with(['[', '{', '(']).then_some(())?;
    let mut parts = vec![first];
    for line in block[1..].iter().take(JOINED).filter(|line| !is_frame(line)) {
        parts.push(line.trim());
        if line.starts_with([']', '}', ')']) {
            break;
        }
    }
    Some(parts.join(" "))
}

/// Node's long sentence about a rejection that nothing caught, without what is always the same.
fn rejection(first: &str) -> Option<String> {
    first.contains("UnhandledPromiseRejection").then_some(())?;
    let at = first.find("The promise rejected with the reason ")?;
    let reason = &first[at..];
    let end = reason.rfind('"').map_or(reason.len(), |end| end + 1);
    Some(format!("UnhandledPromiseRejection: {}", &reason[..end]))
}

/// The first exception of a group that is not a group itself.
fn first_member(block: &[String]) -> Option<&str> {
    let sections = block.split(|line| line.trim_start().starts_with("+-"));
    sections
        .skip(1)
        .filter_map(|section| {
            (0..section.len())
                .rev()
                .find(|&at| form::of(section, at).is_some())
                .or_else(|| {
                    // A member that was never raised has no traceback.
                    section.iter().position(|line| !line.is_empty() && !is_noise(line))
                })
                .map(|at| section[at].trim())
        })
        .find(|line| !line.contains("ExceptionGroup"))
}

/// The innermost cause, as Node, Java and Rust print it.
fn cause(block: &[String]) -> Option<String> {
    let index = block.iter().rposition(|line| marked(line).is_some())?;
    let mut cause = marked(&block[index])?.to_owned();
    if cause.is_empty() {
        // Rust: a list of causes below, each with its number.
        let list = block[index + 1..].iter().take_while(|line| line.starts_with("  "));
        let last = list.last()?.trim();
        cause = last
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .trim_start_matches(": ")
            .to_owned();
    } else if cause.starts_with("AggregateError") {
        let mut inner = block[index + 1..].iter().map(|line| line.trim());
        cause = inner.find(|line| line.starts_with("Error: "))?.to_owned();
    }
    let cause: String = cause.trim_end_matches(" {").chars().take(CAUSE_SHOWN).collect();
    (!cause.is_empty() && cause != "undefined" && cause != "null").then_some(cause)
}

/// What stands after the mark of a cause.
fn marked(line: &str) -> Option<&str> {
    let trimmed = line.trim();
    let java = || line.strip_prefix("Caused by:").map(str::trim);
    let bare = || {
        trimmed
            .strip_prefix("cause: ")
            .filter(|rest| form::is_named(rest) || rest.starts_with("Error: "))
    };
    trimmed.strip_prefix("[cause]: ").or_else(java).or_else(bare)
}
