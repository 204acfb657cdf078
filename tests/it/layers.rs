//! The architecture: which module may use which, and what none may use.
//!
//! A list of exceptions is exact: a file that is on it without need fails the test too.

mod graph;
mod paths;
mod source;
mod tokens;

use std::collections::BTreeSet;

use self::{
    graph::{Modules, circles},
    paths::{Paths, paths},
    source::{Source, sources},
};

/// Each room with its floor and the rooms of its own floor that it may use.
const ROOMS: [(&str, u8, &[&str]); 19] = [
    ("domain", 0, &[]),
    ("sync", 0, &[]),
    ("text", 1, &[]),
    ("config", 1, &["text"]),
    ("discovery", 1, &["config", "text"]),
    ("plan", 1, &["config", "discovery"]),
    ("worker", 1, &["text"]),
    ("failpoint", 2, &[]),
    ("timer", 2, &[]),
    ("procfs", 2, &[]),
    ("process", 2, &["procfs", "timer"]),
    ("files", 2, &["procfs", "timer"]),
    ("http", 2, &[]),
    ("openai", 2, &["http"]),
    ("probe", 2, &["process", "http"]),
    ("engine", 3, &[]),
    ("server", 4, &[]),
    ("cli", 4, &["server"]),
    ("internals", 5, &[]),
];

/// The only files that may hold `unsafe`.
const UNSAFE: [&str; 5] = [
    "process/sys.rs",
    "process/sys/clone_exec.rs",
    "process/sys/pages.rs",
    "process/sys/users.rs",
    "files/lease.rs",
];

/// The longest a file may be, in lines; those of tests aside.
const LONGEST: usize = 400;

/// What would make floors 0 and 1 wait, read a clock or open something.
const IMPURE: [&str; 11] = [
    "tokio::",
    "std::fs",
    "std::env",
    "std::process",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "TimeZone::get",
    "TimeZone::system",
    ".await",
];

/// The two places where a clock is read, for those above to hand in what it says.
const CLOCKS: [(&str, &str); 2] =
    [("domain/stamp.rs", "Timestamp::now"), ("worker/clock.rs", "Instant::now")];

/// Exceptions: croner asks for the zone of a schedule, which the config names.
const STILL_IMPURE: [(&str, &str); 1] = [("config/zone.rs", "TimeZone::get")];

/// Where runs are processes; everything else above floor 2 knows runs only.
const RUNTIMES: [&str; 2] = ["engine/local", "engine/handover"];

/// Files that may name a pid: that of arcanos itself, and the one that a local run is shown with.
const SHOW_PIDS: [&str; 11] = [
    "cli/check.rs",
    "cli/client/find.rs",
    "cli/preflight.rs",
    "cli/status/snapshot.rs",
    "cli/status/table.rs",
    "cli/supervise/shutdown.rs",
    "cli/systemd.rs",
    "cli/why/lines.rs",
    "cli/wire.rs",
    "server/wire/health.rs",
    "server/wire/worker.rs",
];

/// Files that set up the process of arcanos itself, its limits and the sockets it was started with;
/// and the one that hands a parser to a fuzz target.
const USE_PROCESS: [(&str, &str); 3] = [
    ("cli/supervise.rs", "crate::process"),
    ("cli/systemd.rs", "crate::process"),
    ("internals.rs", "crate::process"),
];

/// Fails unless what was found is what is known.
fn assert_known<T: Ord + std::fmt::Debug>(found: BTreeSet<T>, known: impl IntoIterator<Item = T>) {
    let known: BTreeSet<T> = known.into_iter().collect();
    let new: Vec<_> = found.difference(&known).collect();
    assert!(new.is_empty(), "these offend: {new:#?}");
    let mended: Vec<_> = known.difference(&found).collect();
    assert!(mended.is_empty(), "these offend no more, take them off the list: {mended:#?}");
}

/// The rooms that a file names after `crate::`.
fn used(code: &str) -> BTreeSet<String> {
    let Paths { imports, inline, .. } = paths(code);
    let all = imports.into_iter().map(|import| import.path).chain(inline);
    all.filter(|path| path[0] == "crate").filter_map(|path| path.into_iter().nth(1)).collect()
}

#[test]
fn the_lists_of_imports_are_read() {
    let code = "use crate::{\n    config::{Config, rules::{A, B}},\n    domain::X,\n};\nlet x = crate::text::cut();";
    assert_eq!(used(code).into_iter().collect::<Vec<_>>(), ["config", "domain", "text"]);
}

#[test]
fn a_room_uses_the_floors_below_and_the_siblings_it_may() {
    let floor = |room: &str| ROOMS.iter().find(|(name, _, _)| *name == room);
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.name != "lib.rs") {
        let Some((room, own_floor, siblings)) = floor(source.room()) else {
            panic!("{} is in no room", source.name);
        };
        for used in used(&source.code) {
            let Some((_, other_floor, _)) = floor(&used) else { continue };
            if used != *room && other_floor >= own_floor && !siblings.contains(&used.as_str()) {
                faults.push(format!("{} uses {used}", source.name));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn only_the_local_runtime_knows_of_processes() {
    let is_above = |source: &&Source| {
        let is_local = source.name == "engine/local.rs" || source.name.starts_with("engine/local/");
        source.room() == "engine" && !is_local
    };
    let mut faults = Vec::new();
    for source in sources().iter().filter(is_above) {
        for word in ["process", "pid", "pids", "pgid"] {
            // The id of the user that arcanos runs as is asked of `rustix::process`.
            let code = source.code.replace("rustix::process", "");
            let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            if words.any(|found| found == word) {
                faults.push(format!("{}: {word}", source.name));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_lower_floors_read_no_clock_and_open_nothing() {
    let pure = |room: &str| ROOMS.iter().any(|(name, floor, _)| *name == room && *floor < 2);
    let sources = sources();
    let mut found = BTreeSet::new();
    for source in sources.iter().filter(|source| pure(source.room())) {
        let words = IMPURE.iter().filter(|word| source.code.contains(**word));
        found.extend(words.map(|word| (source.name.as_str(), *word)));
    }
    assert_known(found, CLOCKS.into_iter().chain(STILL_IMPURE));
}

/// What a file of this code says of processes, in the words that give it away.
fn process_words(source: &Source) -> BTreeSet<&'static str> {
    let Paths { imports, inline, words } = paths(&source.code);
    let named = imports.iter().flat_map(|import| &import.path).chain(inline.iter().flatten());
    let identifiers: BTreeSet<&String> = named.chain(&words).collect();
    let mut found = BTreeSet::new();
    for identifier in identifiers {
        let words = tokens::words(identifier);
        let has = |name: &str| words.iter().any(|word| word == name);
        if !SHOW_PIDS.contains(&source.name.as_str()) && (has("pid") || has("pids") || has("pidfd"))
        {
            found.insert("pid");
        }
        if has("pgid") || identifier.contains("process_group") {
            found.insert("process group");
        }
    }
    if used(&source.code).contains("process") {
        found.insert("crate::process");
    }
    found
}

#[test]
fn above_the_runtime_a_run_is_not_a_process() {
    let above = |room: &str| ROOMS.iter().any(|(name, floor, _)| *name == room && *floor > 2);
    let is_runtime = |name: &str| RUNTIMES.iter().any(|runtime| name.starts_with(runtime));
    let sources = sources();
    let mut found = BTreeSet::new();
    for source in sources.iter().filter(|s| above(s.room()) && !is_runtime(&s.name)) {
        found.extend(process_words(source).into_iter().map(|word| (source.name.as_str(), word)));
    }
    assert_known(found, USE_PROCESS);
}

#[test]
fn a_word_of_processes_gives_a_file_away() {
    let words = |code: &str| process_words(&Source::new("engine/a.rs".into(), code.into()));
    assert!(
        words("use crate::engine::local::{start, Run};\n// its pid\nlet x = \"pid\";").is_empty()
    );
    assert_eq!(words("fn f(leader_pid: u32) {}"), BTreeSet::from(["pid"]));
    assert_eq!(words("use rustix::process::{Pid, test_kill_process_group};").len(), 2);
    assert_eq!(
        words("use crate::{files::A, process::{B, C}};"),
        BTreeSet::from(["crate::process"])
    );
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let sources = sources();
    let circles = circles(&Modules::new(&sources).edges());
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn unsafe_stands_only_where_it_is_argued() {
    for source in sources() {
        let has = ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|w| source.code.contains(w));
        assert!(!has || UNSAFE.contains(&source.name.as_str()), "unsafe in {}", source.name);
    }
}

#[test]
fn no_file_is_too_long_to_be_read() {
    let lines = |source: &Source| (source.name.clone(), source.text.lines().count());
    let long: Vec<_> = sources().iter().map(lines).filter(|(_, n)| *n > LONGEST).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    for source in sources() {
        assert!(source.text.starts_with("//! "), "{} has no module doc", source.name);
    }
}
