//! The house: what each room may know, and what none may do.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each room with its floor and the rooms of its own floor that it may use.
const ROOMS: [(&str, u8, &[&str]); 16] = [
    ("domain", 0, &[]),
    ("sync", 0, &[]),
    ("text", 1, &[]),
    ("config", 1, &["text"]),
    ("discovery", 1, &["config", "text"]),
    ("plan", 1, &["config", "discovery"]),
    ("worker", 1, &["text"]),
    ("failpoint", 2, &[]),
    ("procfs", 2, &[]),
    ("process", 2, &["procfs"]),
    ("files", 2, &["procfs"]),
    ("http", 2, &[]),
    ("openai", 2, &["http"]),
    ("engine", 3, &[]),
    ("server", 4, &[]),
    ("cli", 4, &["server"]),
];

/// The only files that may hold `unsafe`.
const UNSAFE: [&str; 4] =
    ["process/sys.rs", "process/sys/pages.rs", "process/sys/users.rs", "files/lease.rs"];

/// The longest a file may be, in lines; those of tests aside.
const LONGEST: usize = 400;

/// What would make floors 0 and 1 wait, read a clock or open something.
const IMPURE: [&str; 7] =
    ["tokio::", "std::fs", "std::env", "std::process", "Instant::now", "SystemTime::now", ".await"];

/// The two places where a clock is read, for those above to hand in what it says.
const CLOCKS: [(&str, &str); 2] =
    [("domain/stamp.rs", "SystemTime::now"), ("worker/clock.rs", "Instant::now")];

struct Source {
    /// Under `src/`.
    name: String,
    /// Without comments and the tests at its end.
    code: String,
    lines: usize,
}

impl Source {
    fn room(&self) -> &str {
        self.name.split(['/', '.']).next().unwrap()
    }

    fn is_test(&self) -> bool {
        self.name.contains("/tests/") || self.name.ends_with("/tests.rs")
    }
}

/// Every file of the project's code that is no test.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 100, "only {} files found", files.len());
    let sources = files.iter().map(|file| {
        let text = fs::read_to_string(file).unwrap();
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        let code = own.lines().filter(is_code).collect::<Vec<_>>().join("\n");
        Source { name, code, lines: text.lines().count() }
    });
    sources.filter(|source| !source.is_test()).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The rooms that a file names after `crate::`, alone or in a list.
fn used(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => rooms.extend(first_word(rest)),
            Some(list) => rooms.extend(heads(list)),
        }
    }
    rooms
}

/// The first word of each entry of a `use` list, whose opening brace is gone.
fn heads(list: &str) -> Vec<String> {
    let (mut depth, mut entry, mut found) = (1_u32, String::new(), Vec::new());
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => found.extend(first_word(std::mem::take(&mut entry).trim())),
            _ if depth == 1 => entry.push(c),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found.extend(first_word(entry.trim()));
    found
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
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
    for source in sources() {
        let Some((room, own_floor, siblings)) = floor(source.room()) else {
            assert!(
                ["lib.rs", "main.rs"].contains(&source.name.as_str()),
                "{} is in no room",
                source.name
            );
            continue;
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
fn the_lower_floors_read_no_clock_and_open_nothing() {
    let pure = |room: &str| ROOMS.iter().any(|(name, floor, _)| *name == room && *floor < 2);
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| pure(source.room())) {
        for word in IMPURE.iter().filter(|word| source.code.contains(**word)) {
            if !CLOCKS.contains(&(source.name.as_str(), word)) {
                faults.push(format!("{}: {word}", source.name));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn unsafe_stands_only_where_it_is_argued() {
    for source in sources() {
        let has = source.code.contains("unsafe {")
            || source.code.contains("unsafe fn")
            || source.code.contains("unsafe impl");
        assert!(!has || UNSAFE.contains(&source.name.as_str()), "unsafe in {}", source.name);
    }
}

#[test]
fn no_file_is_too_long_to_be_read() {
    let long: Vec<_> = sources().into_iter().filter(|source| source.lines > LONGEST).collect();
    let told: Vec<_> =
        long.iter().map(|source| format!("{}: {} lines", source.name, source.lines)).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for source in sources() {
        let text = fs::read_to_string(root.join(&source.name)).unwrap();
        assert!(text.starts_with("//! "), "{} has no module doc", source.name);
    }
}
