//! The last words of a run without an error of a known form, and what npm says around a script.

use super::line;

/// Beginnings of npm's lines that say where and how, but not why.
const NOT_WHY: [&str; 18] = [
    "code ",
    "errno ",
    "syscall ",
    "path ",
    "command ",
    "location ",
    "workspace ",
    "dest ",
    "signal ",
    "a complete log",
    "lifecycle script",
    "in workspace",
    "at location",
    "this is probably not a problem",
    "exit status",
    "failed at the",
    "/",
    "enoent this is related",
];

/// The last meaningful line. What the script itself said comes before what npm says of it.
pub(super) fn last_words(lines: &[String]) -> Option<String> {
    let of_npm = |line: &String| after_npm(line).is_some();
    let relevant = || lines.iter().rev().filter(|line| !of_npm(line) && is_relevant(line));
    // What is indented goes on with something above it.
    let own = relevant().find(|line| !line::is_indented(line)).or_else(|| relevant().next());
    if let Some(own) = own {
        return Some(compiler_error(lines).unwrap_or_else(|| own.trim().to_owned()));
    }
    let why = |line: &&String| {
        let Some(rest) = after_npm(line) else {
            return false;
        };
        let lower = rest.to_ascii_lowercase();
        !line::is_decoration(rest)
            && !rest.chars().all(|c| c.is_ascii_digit())
            && !NOT_WHY.iter().any(|beginning| lower.starts_with(beginning))
    };
    lines.iter().find(why).map(|line| line.trim().to_owned())
}

/// Whether the line is said to a reader: a heading for what follows is not.
fn is_relevant(line: &str) -> bool {
    let trimmed = line.trim();
    !line::is_noise(line) && !matches!(trimmed, "Error:" | "Exception:" | "Error" | "Exception")
}

/// What npm says in this line.
fn after_npm(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("npm ERR!").or_else(|| line.strip_prefix("npm error")).map(str::trim)
}

/// The first error that Go's compiler reports below `# PACKAGE`: the others may follow from it.
fn compiler_error(lines: &[String]) -> Option<String> {
    let heading = lines.iter().rposition(|line| line.starts_with("# "))?;
    let first = lines.get(heading + 1)?;
    let is_place = first.contains(".go:");
    is_place.then(|| first.trim().to_owned())
}
