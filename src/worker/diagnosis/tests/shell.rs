//! Scripts that explain themselves and end: shells, parsers of arguments, `sys.exit`.

use super::{Case, Exit, ONE, check};

const TWO: Exit = Exit::Code(2);
const GONE: Exit = Exit::Code(127);

const SAID: &[Case] = &[
    (ONE, "DISCORD_TOKEN is missing", "DISCORD_TOKEN is missing"),
    (ONE, "connecting\nThe token is bad\n\nExiting.", "The token is bad"),
    (ONE, "all is lost\nexit status 1", "all is lost"),
    (ONE, "no key", "no key"),
    (
        TWO,
        "usage: p.py [-h] --name NAME\np.py: error: the following arguments are required: --name",
        "p.py: error: the following arguments are required: --name",
    ),
    (
        TWO,
        "Usage: p.py [OPTIONS]\nTry 'p.py --help' for help.\n\nError: Missing option '--name'.",
        "Error: Missing option '--name'.",
    ),
    (
        TWO,
        "error: the following required arguments were not provided:\n  --name <NAME>\n\nUsage: x --name \
         <NAME>\n\nFor more information, try '--help'.",
        "error: the following required arguments were not provided: --name <NAME>",
    ),
    (
        TWO,
        "flag provided but not defined: -x\nUsage of /w/x:\n  -n int\n    \ta number",
        "flag provided but not defined: -x",
    ),
    (
        ONE,
        "error: required option '-n, --name <name>' not specified",
        "error: required option '-n, --name <name>' not specified",
    ),
    (
        ONE,
        "2026-01-01 10:00:00,000 ERROR bot: login refused\n2026-01-01 10:00:00,001 INFO bot: closing",
        "2026-01-01 10:00:00,000 ERROR bot: login refused",
    ),
    (
        ONE,
        "(node:4711) [DEP0040] DeprecationWarning: The `punycode` module is deprecated.\n(Use `node \
         --trace-deprecation ...` to show where the warning was created)\nno account",
        "no account",
    ),
];

const SHELLS: &[Case] = &[
    (
        ONE,
        "/w/a.sh: line 3: BOT_TOKEN: unbound variable",
        "`BOT_TOKEN` is not passed on: arcanos has none (set it under `[env.set]`): /w/a.sh: line 3: \
         BOT_TOKEN: unbound variable",
    ),
    (
        TWO,
        "/w/a.sh: 3: FOO: parameter not set",
        "`FOO` is not passed on: arcanos has none (set it under `[env.set]`): /w/a.sh: 3: FOO: \
         parameter not set",
    ),
    (
        GONE,
        "/w/a.sh: line 3: jq: command not found",
        "the command `jq`, which it runs, was not found: /w/a.sh: line 3: jq: command not found",
    ),
    (
        GONE,
        "/w/a.sh: 3: jq: not found",
        "the command `jq`, which it runs, was not found: /w/a.sh: 3: jq: not found",
    ),
    (
        GONE,
        "/usr/bin/env: ‘nodex’: No such file or directory",
        "the command `nodex`, which it runs, was not found: /usr/bin/env: ‘nodex’: No such file or \
         directory",
    ),
    (
        ONE,
        "/w/a.sh: line 2: jq: command not found\nno answer from the queue",
        "no answer from the queue",
    ),
    (
        Exit::Code(126),
        "/w/a.sh: line 2: ./run: Permission denied",
        "a command that it runs may not be executed: /w/a.sh: line 2: ./run: Permission denied",
    ),
];

#[test]
fn the_last_meaningful_line_of_a_script_is_its_reason() {
    check(SAID);
}

#[test]
fn shells_and_the_commands_that_they_run() {
    check(SHELLS);
}
