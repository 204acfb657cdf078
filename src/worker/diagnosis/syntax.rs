//! Distinguishes a file that cannot be parsed from text that a running program failed to parse.
//!
//! `JSON.parse`, `new RegExp` and `eval` throw errors of the same name. An error of loading names
//! a file, and that file has no frame of its own: it never ran.

use super::{headline::Head, line};

/// The names of errors that mean that something cannot be parsed.
const NAMES: [&str; 3] = ["SyntaxError", "IndentationError", "TabError"];

/// Messages of Node that are about modules and not about text.
const NOT_TEXT: [&str; 2] =
    ["does not provide an export", "Cannot use import statement outside a module"];

/// `a syntax error in FILE, line N`, if the error is one of loading a file.
pub(super) fn load_error(lines: &[String], head: &Head) -> Option<String> {
    let headline = &lines[head.at];
    let is_syntax = NAMES.iter().any(|name| headline.starts_with(name));
    if !is_syntax || NOT_TEXT.iter().any(|words| headline.contains(words)) {
        return None;
    }
    let (path, number) = lines[..head.at]
        .iter()
        .rev()
        .take_while(|line| !line.starts_with("Traceback "))
        .find_map(|line| place(line))??;
    let has_run = lines[head.at..head.end]
        .iter()
        .any(|line| line::is_frame(line) && line.contains(&format!("{path}:")));
    if has_run {
        return None;
    }
    let file = path.rsplit('/').next().unwrap_or(path);
    Some(format!("a syntax error in {file}, line {number}"))
}

/// Path and line in `file:///w/a.js:2`, `/w/a.cjs:2` or `  File "/w/a.py", line 2`. The nearest
/// place that is not a path (`<anonymous_script>:1`, `File "<string>"`) shows that no file was
/// being loaded, and so does a frame of Python, which names a function.
fn place(line: &str) -> Option<Option<(&str, u32)>> {
    if let Some(rest) = line.trim().strip_prefix("File \"") {
        let (path, number) = rest.split_once("\", line ")?;
        let number = number.parse().ok().filter(|_| path.starts_with('/'));
        return Some(number.map(|number| (path, number)));
    }
    if line::is_indented(line) {
        return None;
    }
    let (path, number) = line.rsplit_once(':')?;
    let number: u32 = number.parse().ok()?;
    let path = path.strip_prefix("file://").unwrap_or(path);
    Some(path.starts_with('/').then_some((path, number)))
}
