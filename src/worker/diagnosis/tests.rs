//! Tails of stderr as runtimes, tools and scripts really leave them, and the exact reason for each.

mod facts;
mod node;
mod others;
mod python;
mod sdk;
mod shell;

use super::{explanation::SHOWN, *};

/// The way of an end, the last lines on stderr, and the reason.
type Case = (Exit, &'static str, &'static str);

const ONE: Exit = Exit::Code(1);

/// A run whose stdin is empty, as that of every worker.
fn unasked() -> Facts {
    Facts { is_stdin_empty: true, ..Facts::default() }
}

fn said(exit: Exit, text: &str, facts: &Facts) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    Report::new(exit, &lines).reason(facts).unwrap_or_default()
}

/// Checks all cases, and shows all that differ.
fn check(cases: &[Case]) {
    let mut wrong = String::new();
    for &(exit, text, expected) in cases {
        let reason = said(exit, text, &unasked());
        if reason != expected {
            wrong += "\n--- ";
            wrong += &[text, "said:     ", &reason, "expected: ", expected].join("\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn colours_that_the_log_shows_escaped_are_not_part_of_a_reason() {
    // The second of each pair is the line as the log gives it back, with ESC written out.
    for (text, expected) in [
        ("\u{1b}[31mError:\u{1b}[0m no token", "Error: no token"),
        (r"\x1b[31mError:\x1b[0m no token", "Error: no token"),
        ("\u{1b}[1;38;5;9mTypeError\u{1b}[0m: bad\n    at x (a.js:1:1)", "TypeError: bad"),
        ("\\x1b[1;38;5;9mTypeError\\x1b[0m: bad\n    at x (a.js:1:1)", "TypeError: bad"),
        (r"cannot open C:\x1b\file", r"cannot open C:\x1b\file"),
        (r"cut off here \x1b[3", "cut off here"),
    ] {
        assert_eq!(said(ONE, text, &unasked()), expected, "{text:?}");
    }
}

#[test]
fn only_the_error_that_ended_the_run_counts() {
    check(&[
        (
            ONE,
            "RateLimitError: 429 Rate limit reached\n    at x (a.js:1:1)\ntrying again\n/w/a.js:3\n  \
             answer.x\n         ^\n\nTypeError: answer is undefined\n    at y (a.js:3:1)",
            "TypeError: answer is undefined",
        ),
        (
            ONE,
            "could not ask: AuthenticationError: 401 Incorrect API key provided\ngiving up",
            "the upstream refuses the API key (401): could not ask: AuthenticationError: 401 \
             Incorrect API key provided",
        ),
        (
            ONE,
            "Error: connect ECONNREFUSED 127.0.0.1:6379\n    at T (node:net:1:1) {\n  port: 6379\n}\n\
             will work without a cache\nDISCORD_TOKEN is missing",
            "DISCORD_TOKEN is missing; before that: Error: connect ECONNREFUSED 127.0.0.1:6379",
        ),
    ]);
}

#[test]
fn where_nothing_is_said_the_end_itself_may_explain() {
    check(&[
        (Exit::Code(3), "", ""),
        (ONE, "Error: ", ""),
        (ONE, "Error:\n\nexit status 1", ""),
        (
            Exit::Signal(9),
            "Error: an old one\n    at x (a.js:1:1)",
            "something outside arcanos killed it; if the machine ran out of memory, the kernel did",
        ),
        (Exit::Signal(15), "working", "something outside arcanos asked it to end"),
        (Exit::Signal(11), "", "it crashed with a segmentation fault"),
        (Exit::Signal(25), "", "it wrote a file larger than it may"),
        (Exit::Code(13), "", "it waits for a promise that can never settle"),
        (Exit::Code(127), "", "a command that it runs was not found"),
        (
            Exit::Code(137),
            "/w/a.sh: line 2: 4711 Killed                  python3 big.py",
            "a process that it ran was killed; if the machine ran out of memory, the kernel did: \
             /w/a.sh: line 2: 4711 Killed                  python3 big.py",
        ),
    ]);
}

#[test]
fn colours_are_not_part_of_a_reason_and_long_ones_are_cut() {
    check(&[(ONE, "\u{1b}[31m\u{1b}[1mError: no\u{1b}[0m", "Error: no")]);
    let long = format!("Error: {}", "long ".repeat(200));
    let reason = said(ONE, &long, &unasked());
    assert!(reason.chars().count() <= SHOWN + 1 && reason.ends_with('…'), "{reason}");
}

#[test]
fn the_lines_that_are_kept_begin_with_the_error_or_end_with_the_end() {
    let stack: Vec<String> = (0..30).map(|n| format!("    at f{n} (a.js:1:1)")).collect();
    let mut lines = vec!["before".to_owned(), "TypeError: x".to_owned()];
    lines.extend(stack);
    assert_eq!(
        most_relevant(&lines, 3),
        ["TypeError: x", "    at f0 (a.js:1:1)", "    at f1 (a.js:1:1)"]
    );
    assert_eq!(
        most_relevant(&["a", "b", "TypeError: x", "    at y"], 3),
        ["b", "TypeError: x", "    at y"]
    );
    assert_eq!(most_relevant(&["a", "b", "c"], 2), ["b", "c"]);
    assert_eq!(most_relevant::<&str>(&[], 2), [""; 0]);
}
