//! What a test needs of the machine, and the list of the tests that were left out for want of it.

use std::{env, fs::File, io::Write, path::Path, thread};

use super::processes;

/// Names the file that `tests/run` collects the left-out tests in, a line each: `TEST\tREASON`.
const LIST: &str = "ARCANOS_TESTS_LEFT_OUT";

/// Whether this machine lacks one of these: `root`, or a program on `PATH`. If so, the test that
/// asks must return; it is listed as left out.
pub(crate) fn lacks(needs: &[&str]) -> bool {
    let lacking = needs.iter().find(|need| match **need {
        "root" => !is_root(),
        program => !has_program(program),
    });
    match lacking {
        Some(&"root") => leave_out("it needs root"),
        Some(program) => leave_out(&format!("this machine lacks `{program}`")),
        None => {}
    }
    lacking.is_some()
}

/// Lists the current test as left out.
pub(crate) fn leave_out(reason: &str) {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    eprintln!("SKIPPED: {test}: {reason}");
    let Some(list) = env::var_os(LIST) else { return };
    let mut file = File::options().append(true).create(true).open(list).expect("the list");
    // One write: the suites' threads append side by side.
    file.write_all(format!("{test}\t{reason}\n").as_bytes()).expect("to list a test");
}

fn is_root() -> bool {
    processes::status(std::process::id(), "Uid").split_whitespace().nth(1) == Some("0")
}

/// Whether a program is found on `PATH`.
pub(crate) fn has_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| Path::new(&folder).join(name).is_file())
}
