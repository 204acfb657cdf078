//! What one line on stderr is: a frame, a hint, a trailer, decoration, or something that was said.

/// Beginnings of lines that explain no end: hints, trailers of wrappers, headings of stacks.
const NOISE: [&str; 54] = [
    "exit status ",
    "exit code ",
    "exited with ",
    "node.js v",
    "bun v",
    "deno v",
    "(use `node",
    "(node:",
    "note: ",
    "hint: ",
    "help: ",
    "info: ",
    "info ",
    "info:",
    "debug ",
    "debug:",
    "trace ",
    "[info]",
    "[debug]",
    "warning: detected unsettled",
    "for further information visit",
    "for more information",
    "npm notice",
    "npm warn",
    "elifecycle",
    "error command failed",
    "command failed with exit code",
    "error: script \"",
    "error: \"",
    "require stack:",
    "- /",
    "goroutine ",
    "created by ",
    "stack backtrace:",
    "stacktrace:",
    "emitted 'error' event",
    "traceback (most recent call last)",
    "exception group traceback",
    "during handling of the above",
    "the above exception was",
    "caused by:",
    "usage",
    "try '",
    "try `",
    "see '",
    "run `",
    "run '",
    "did you mean",
    "perhaps you meant",
    "[signal sig",
    "core dumped",
    "thrown at:",
    "begin failed--compilation aborted",
    "compilation failed in require at ",
];

/// What scripts say last that explains nothing.
const FAREWELLS: [&str; 16] = [
    "giving up",
    "exiting",
    "exit",
    "shutting down",
    "shutdown",
    "aborting",
    "aborted",
    "terminating",
    "terminated",
    "stopping",
    "stopped",
    "bye",
    "goodbye",
    "failed",
    "error",
    "fatal",
];

/// The line without its terminal sequences, as they come and as the logs show them: a run's lines
/// are read back from the logs, where the escape character is written out.
#[must_use]
pub fn uncoloured(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((at, mark)) = ESCAPES.iter().filter_map(|e| Some((rest.find(e)?, *e))).min() {
        text.push_str(&rest[..at]);
        let after = &rest[at + mark.len()..];
        // `ESC [ 3 1 m` ends with a letter. What has no bracket may be a path of Windows.
        let is_sequence = after.starts_with('[') || mark == "\u{1b}";
        let end = after.find(|c: char| c.is_ascii_alphabetic()).map(|end| end + 1);
        match is_sequence {
            true => rest = &after[end.unwrap_or(after.len())..],
            false => {
                text.push_str(mark);
                rest = after;
            }
        }
    }
    text + rest
}

/// The escape character, and how the logs show it.
const ESCAPES: [&str; 2] = ["\u{1b}", r"\x1b"];

/// The line without colours, trailing space, and the frame that Python draws around the members of
/// an exception group.
pub(super) fn plain(line: &str) -> String {
    let text = uncoloured(line);
    let text = text.trim_end();
    let inner = text.trim_start();
    let is_framed = text.len() > inner.len() && (inner.starts_with("| ") || inner == "|");
    let framed = if is_framed { inner.strip_prefix("| ").unwrap_or("") } else { text };
    let heading = framed.trim_start().strip_prefix("+ Exception Group Traceback");
    heading.map_or_else(|| framed.to_owned(), |rest| format!("Exception Group Traceback{rest}"))
}

/// Whether the line begins with white space.
pub(super) fn is_indented(line: &str) -> bool {
    line.starts_with([' ', '\t'])
}

/// A line of a stack as Node, Deno, Bun and Java print it.
pub(super) fn is_frame(line: &str) -> bool {
    is_indented(line) && line.trim_start().starts_with("at ")
}

/// Only carets below a line of source.
pub(super) fn is_caret(line: &str) -> bool {
    let trimmed = line.trim();
    !trimmed.is_empty() && trimmed.chars().all(|c| matches!(c, '^' | '~'))
}

/// Rules, brackets, carets and separators: nothing that is said.
pub(super) fn is_decoration(line: &str) -> bool {
    let trimmed = line.trim();
    !trimmed.chars().any(char::is_alphanumeric) || is_rule(trimmed)
}

/// `+---------------- 2 ----------------` or `----- Native stack trace -----`.
fn is_rule(trimmed: &str) -> bool {
    ["+-", "-----", "=====", "*****", "#####"].iter().any(|rule| trimmed.starts_with(rule))
}

/// Whether the line explains no end, whoever printed it.
pub(super) fn is_noise(line: &str) -> bool {
    let trimmed = line.trim();
    let lower = trimmed.to_ascii_lowercase();
    is_decoration(trimmed)
        || is_frame(line)
        || NOISE.iter().any(|beginning| lower.starts_with(beginning))
        || (lower.starts_with("... ") && lower.ends_with(" more"))
        || is_below_warning(&lower)
        || is_farewell(&lower)
        || lower.starts_with("file \"") && lower.contains("\", line ")
        || is_indented(line) && lower.starts_with("from ")
}

/// A record of a log below a warning.
fn is_below_warning(lower: &str) -> bool {
    let words = [
        " info ",
        " debug ",
        " trace ",
        "level=info",
        "level=debug",
        "\"level\":\"info\"",
        "\"level\":30",
    ];
    // A level stands near the beginning of a record.
    let beginning: String = lower.chars().take(60).collect();
    words.iter().any(|word| beginning.contains(word)) || beginning.contains(" - info - ")
}

/// `Giving up.`, `Exiting with code 1`, `ERROR: Application startup failed. Exiting.`
fn is_farewell(lower: &str) -> bool {
    let bare = lower.trim_end_matches(['.', '!', ':', '…', ' ']);
    let bare = bare.strip_prefix("error: ").unwrap_or(bare).trim_start();
    FAREWELLS.contains(&bare)
        || bare.starts_with("exiting with")
        || bare.starts_with("exit with")
        || bare.starts_with("process exited")
        || bare.starts_with("process exiting")
        || bare.ends_with(". exiting")
        || bare.ends_with(", exiting")
        || bare == "trying again"
        || bare.starts_with("retrying")
}
