//! One file under all that can happen to its path.

use std::{
    os::unix::fs::{PermissionsExt, symlink},
    process::Command,
};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

struct Site {
    folder: TempDir,
    log: LogFile,
    now: Instant,
}

impl Site {
    fn new(max_size: u64, keep: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = LogFile::new(folder.path().join("logs/a.log"), Limits { max_size, keep });
        Self { folder, log, now: Instant::now() }
    }

    /// Appends a while later, so that the path is looked at.
    fn append(&mut self, text: &str) -> WriteOutcome {
        self.now += SECOND;
        self.log.append(text.as_bytes(), self.now)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("logs").join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| error.to_string())
    }
}

fn fine() -> WriteOutcome {
    WriteOutcome::default()
}

fn failed(reason: &str) -> Option<Change> {
    Some(Change::Failed(reason.to_owned()))
}

#[test]
fn file_and_folder_are_made_for_owner_and_group() {
    let mut site = Site::new(100, 1);
    assert_eq!(site.append("one\n"), fine());
    for (name, mode) in [("a.log", 0o640), ("", 0o750)] {
        let found = fs::metadata(site.path(name)).expect("it was made").permissions().mode();
        assert_eq!(found & 0o777 & !mode, 0, "{name}: {found:o}");
    }
}

#[test]
fn what_is_there_is_kept() {
    let mut site = Site::new(100, 1);
    fs::create_dir(site.path("")).expect("a folder");
    fs::write(site.path("a.log"), "before\n").expect("a file");
    site.append("after\n");
    assert_eq!(site.text("a.log"), "before\nafter\n");
}

#[test]
fn a_full_file_is_rotated_and_the_oldest_removed() {
    let mut site = Site::new(10, 2);
    for n in 1..=5 {
        assert_eq!(site.append(&format!("line {n}\n")), fine());
    }
    assert_eq!(
        ["a.log", "a.log.1", "a.log.2"].map(|name| site.text(name)),
        ["line 5\n", "line 4\n", "line 3\n"]
    );
    assert!(!site.path("a.log.3").exists());
    site.log.set_limits(Limits { max_size: 10, keep: 0 });
    site.append("line 6\n");
    assert_eq!(site.text("a.log"), "line 6\n");
    assert!(!site.path("a.log.1").exists() && !site.path("a.log.2").exists());
}

#[test]
fn a_line_is_never_parted_unless_it_alone_is_too_long() {
    for (max_size, chunks, files) in [
        (8, &["aaa\nbbb\nccc\n"][..], &["ccc\n", "aaa\nbbb\n"][..]),
        (8, &["aaa\nbb", "bbbb\nc\n"], &["c\n", "aaa\nbbbbbb\n"]),
        (4, &["a\n", "bbbbbbbb\nc\n"], &["c\n", "bbbbbbbb\n", "a\n"]),
        (4, &["aaaaaa", "bb", "b\n"], &["bbb\n", "aaaaaa"]),
    ] {
        let mut site = Site::new(max_size, 9);
        for chunk in chunks {
            site.append(chunk);
        }
        let names = ["a.log", "a.log.1", "a.log.2", "a.log.3"];
        let seen: Vec<String> =
            names.iter().filter(|n| site.path(n).exists()).map(|n| site.text(n)).collect();
        assert_eq!(seen, files, "{chunks:?}");
    }
}

#[test]
fn a_file_that_was_moved_removed_or_truncated_is_found_again() {
    let mut site = Site::new(1000, 1);
    site.append("1\n");
    fs::rename(site.path("a.log"), site.path("moved")).expect("to move it");
    site.append("2\n");
    assert_eq!((site.text("moved"), site.text("a.log")), ("1\n".into(), "2\n".into()));
    fs::remove_file(site.path("a.log")).expect("to remove it");
    site.append("3\n");
    assert_eq!(site.text("a.log"), "3\n");
    fs::write(site.path("a.log"), "").expect("to truncate it");
    site.append("4\n");
    assert_eq!(site.text("a.log"), "4\n");
    fs::remove_dir_all(site.path("")).expect("to remove the folder");
    site.append("5\n");
    assert_eq!(site.text("a.log"), "5\n");
}

#[test]
fn a_moved_file_is_written_on_until_it_is_looked_for_or_reopened() {
    let mut site = Site::new(1000, 1);
    site.append("1\n");
    fs::rename(site.path("a.log"), site.path("moved")).expect("to move it");
    site.log.append(b"2\n", site.now);
    site.log.close();
    site.log.append(b"3\n", site.now);
    assert_eq!((site.text("moved"), site.text("a.log")), ("1\n2\n".into(), "3\n".into()));
}

#[test]
fn a_pipe_or_a_link_in_its_place_is_refused_and_what_it_cost_is_counted() {
    let make_link = |path: &Path| symlink("/etc/hostname", path).expect("a link");
    let make_pipe = |path: &Path| {
        assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
    };
    let make_device = |path: &Path| symlink("/dev/full", path).expect("a link");
    let makes: [fn(&Path); 3] = [make_pipe, make_link, make_device];
    let reasons = ["it is not a regular file", "it is a symbolic link", "it is a symbolic link"];
    for (make, reason) in makes.into_iter().zip(reasons) {
        let mut site = Site::new(1_000_000, 1);
        fs::create_dir(site.path("")).expect("a folder");
        make(&site.path("a.log"));
        assert_eq!(site.append("first\n"), WriteOutcome { lost: 0, change: failed(reason) });
        let big = "x".repeat(MAX_KEPT - 1) + "\n";
        assert_eq!(site.append(&big), WriteOutcome { lost: MAX_KEPT as u64, change: None });
        fs::remove_file(site.path("a.log")).expect("to remove it");
        assert_eq!(site.append("last\n").change, Some(Change::Recovered));
        assert_eq!(site.text("a.log"), "first\nlast\n");
    }
}

#[test]
fn it_is_tried_again_ever_more_rarely_and_without_new_bytes() {
    let mut site = Site::new(1000, 1);
    fs::create_dir_all(site.path("a.log")).expect("a folder in its place");
    assert_eq!(site.append("kept\n").change, failed("is a directory"));
    for wait in [100, 200, 400, 800, 1000, 1000] {
        let at = site.log.retry_at().expect("a time for the next try");
        assert_eq!(at - site.now, Duration::from_millis(wait));
        assert_eq!(site.log.retry(at - Duration::from_millis(1)), fine());
        assert_eq!(site.log.retry(at), fine());
        site.now = at;
    }
    fs::remove_dir(site.path("a.log")).expect("to remove it");
    assert_eq!(site.log.retry(site.now + SECOND).change, Some(Change::Recovered));
    assert_eq!((site.text("a.log"), site.log.retry_at()), ("kept\n".into(), None));
}

#[test]
fn it_does_not_count_as_mended_before_it_takes_new_bytes() {
    let mut site = Site::new(1000, 1);
    fs::create_dir_all(site.path("a.log")).expect("a folder in its place");
    let too_long = "x".repeat(MAX_KEPT + 1);
    let lost = too_long.len() as u64;
    assert_eq!(site.append(&too_long), WriteOutcome { lost, change: failed("is a directory") });
    assert_eq!(site.append(&too_long), WriteOutcome { lost, change: None });
    assert!(site.log.retry_at().is_some());
}

#[test]
fn a_file_that_cannot_be_rotated_is_written_on() {
    let mut site = Site::new(4, 1);
    fs::create_dir_all(site.path("a.log.1/in the way")).expect("a folder");
    site.append("1\n");
    let WriteOutcome { lost: 0, change: Some(Change::Unrotated(_)) } = site.append("222\n") else {
        panic!("it cannot be rotated");
    };
    assert_eq!(site.append("333\n"), fine());
    assert_eq!(site.text("a.log"), "1\n222\n333\n");
    fs::remove_dir_all(site.path("a.log.1")).expect("to remove it");
    site.now += SECOND;
    assert_eq!(site.append("444\n").change, Some(Change::Recovered));
    assert_eq!(
        (site.text("a.log"), site.text("a.log.1")),
        ("444\n".into(), "1\n222\n333\n".into())
    );
}

#[test]
fn lines_of_arcanos_begin_on_a_line_of_their_own() {
    let mut site = Site::new(1000, 1);
    fs::create_dir(site.path("")).expect("a folder");
    fs::write(site.path("a.log"), "torn by a cra").expect("a file");
    site.log.append_lines(b"1\n", site.now);
    site.log.append_lines(b"2\n", site.now);
    assert_eq!(site.text("a.log"), "torn by a cra\n1\n2\n");
}

/// Needs root, to mount a disk of its own.
#[test]
fn a_full_disk_costs_what_does_not_fit_and_then_it_goes_on() {
    let mut site = Site::new(1_000_000, 1);
    fs::create_dir(site.path("")).expect("a folder");
    let mount = |options: &str| {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(site.path(""));
        command.output().is_ok_and(|output| output.status.success())
    };
    if !mount("size=64k") {
        return;
    }
    let line = "y".repeat(99) + "\n";
    let (mut lost, mut changes) = (0, Vec::new());
    for _ in 0..2000 {
        let outcome = site.append(&line);
        lost += outcome.lost;
        changes.extend(outcome.change);
    }
    let is_remounted =
        Command::new("mount").args(["-o", "remount,size=1m"]).arg(site.path("")).status();
    let recovered = site.append("end\n");
    let text = site.text("a.log");
    site.log.close();
    let unmounted = Command::new("umount").arg(site.path("")).status();
    assert!(is_remounted.is_ok_and(|s| s.success()) && unmounted.is_ok_and(|s| s.success()));
    assert_eq!(changes, [Change::Failed("no space left on device".into())]);
    assert_eq!(recovered, WriteOutcome { lost: 0, change: Some(Change::Recovered) });
    assert!(text.lines().all(|l| l == line.trim_end() || l == "end"), "no line is torn");
    assert_eq!(text.len() as u64 + lost, 2000 * 100 + 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_files_together_hold_the_end_of_what_was_written(
        chunks in proptest::collection::vec("[a-c\n]{1,40}", 1..40),
        max_size in 1..60u64,
        keep in 0..4u32,
    ) {
        let mut site = Site::new(max_size, keep);
        for chunk in &chunks {
            prop_assert_eq!(site.append(chunk), fine());
        }
        let mut names: Vec<String> = (1..=keep).rev().map(|n| format!("a.log.{n}")).collect();
        names.push("a.log".into());
        names.retain(|name| site.path(name).exists());
        let texts: Vec<String> = names.iter().map(|name| site.text(name)).collect();
        let all = chunks.concat();
        prop_assert!(all.ends_with(&texts.concat()), "{:?} of {:?}", texts, all);
        let longest = 40 + all.lines().map(str::len).max().unwrap_or(0) as u64;
        prop_assert!(texts.iter().all(|text| text.len() as u64 <= max_size + longest));
        let surplus = site.path(&format!("a.log.{}", keep + 1));
        prop_assert!(!surplus.exists());
    }
}
