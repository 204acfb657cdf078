//! Folders on the disk, changed as people and programs change them.

mod partial;
mod site;

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions, Permissions},
    io::Write,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use self::site::{Recursion, SDK, Site, reason, rules};
use super::{REMOVED_AFTER, Scan, ScanError, pass::MAX_FILE};
use crate::{
    discovery::{Content, judge},
    domain::WorkerId,
};

#[test]
fn files_and_what_they_import_are_read_and_nothing_else() {
    let mut site = Site::new();
    site.write("a.js", "require('./shared/one')");
    site.write("shared/one.js", "require('./two')");
    site.write("shared/two.js", SDK);
    site.write("shared/unused.js", SDK);
    site.write("notes.txt", SDK);
    site.write("_draft.js", SDK);
    site.write("deep/b.js", SDK);
    let scan = site.settled();
    assert_eq!(site.ids(&scan), ["a"]);
    let files = &scan.listing.files;
    let listed: Vec<_> = files.keys().map(|path| path.display().to_string()).collect();
    let expected = ["_draft.js", "a.js", "notes.txt", "shared/one.js", "shared/two.js"];
    assert_eq!(listed, expected);
    assert_eq!(files[Path::new("notes.txt")].content, Content::Unread);
    assert!(scan.folders.contains(&site.at("shared")));
    site.rules = rules("openai", Recursion::On);
    let scan = site.settled();
    assert_eq!(site.ids(&scan), ["a", "b"]);
    assert!(scan.folders.contains(&site.at("deep")));
}

#[test]
fn a_file_that_a_program_writes_is_new_or_changed_once_it_is_closed() {
    let mut site = Site::new();
    site.write("b.js", SDK);
    let first = site.settled();
    let mut new = File::create(site.at("a.js")).unwrap();
    new.write_all(SDK.as_bytes()).unwrap();
    let mut old = OpenOptions::new().write(true).truncate(true).open(site.at("b.js")).unwrap();
    site.write("c.js", SDK);
    let during = site.scan();
    assert!(during.pending && during.wake.is_some_and(|wake| wake <= Duration::from_secs(1)));
    assert_eq!(during.listing.files[Path::new("a.js")].content, Content::Held);
    assert!(site.found(&during).contains(&site.found(&first)[0]), "b is as it was");
    drop(new);
    old.write_all(b"import 'openai'; f();\n").unwrap();
    drop(old);
    let deadline = Instant::now() + Duration::from_secs(10);
    let after = loop {
        let scan = site.scan();
        if !scan.pending || Instant::now() > deadline {
            break scan;
        }
    };
    assert_eq!(site.ids(&after), ["a", "b", "c"]);
    assert!(!site.found(&after).contains(&site.found(&first)[0]), "b is new");
    assert_eq!(after.wake, None);
}

#[test]
fn a_file_counts_as_removed_only_after_a_while() {
    let mut site = Site::new();
    site.write("a.js", SDK);
    site.write("b.js", SDK);
    let first = site.settled();
    fs::remove_file(site.at("a.js")).unwrap();
    fs::rename(site.at("b.js"), site.at("z.js")).unwrap();
    let gone = site.settled();
    assert_eq!(site.ids(&gone), ["a", "b", "z"], "the new name at once");
    assert_eq!(gone.wake, Some(REMOVED_AFTER));
    site.now += REMOVED_AFTER - Duration::from_millis(1);
    assert_eq!(site.settled().wake, Some(Duration::from_millis(1)));
    site.write("a.js", SDK);
    let back = site.settled();
    assert!(site.found(&back).contains(&site.found(&first)[0]));
    site.now += Duration::from_millis(1);
    let scan = site.settled();
    assert_eq!(site.ids(&scan), ["a", "z"]);
    assert!(!scan.pending);
    fs::remove_file(site.at("a.js")).unwrap();
    assert_eq!(site.scan().wake, Some(REMOVED_AFTER), "a new absence is counted anew");
}

#[test]
fn equal_content_is_not_a_change_and_other_content_is_whatever_the_times_say() {
    let mut site = Site::new();
    site.write("a.js", SDK);
    let scan = site.settled();
    let first = site.found(&scan);
    site.write("a.js.new", SDK);
    fs::rename(site.at("a.js.new"), site.at("a.js")).unwrap();
    let scan = site.settled();
    assert_eq!(site.found(&scan), first);
    let before = fs::metadata(site.at("a.js")).unwrap().modified().unwrap();
    site.write("a.js", "import 'openai' \n"); // As long as the other.
    let file = File::open(site.at("a.js")).unwrap();
    file.set_modified(before).unwrap();
    drop(file);
    let scan = site.settled();
    assert_ne!(site.found(&scan), first);
}

#[test]
fn an_edit_of_a_helper_changes_its_workers_and_no_others() {
    let mut site = Site::new();
    site.write("a.js", "import './shared/x.js'; import 'openai'");
    site.write("b.js", SDK);
    site.write("shared/x.js", "");
    let scan = site.settled();
    let first = site.found(&scan);
    site.write("shared/x.js", "f()");
    let scan = site.settled();
    let second = site.found(&scan);
    assert_ne!(first[0], second[0]);
    assert_eq!(first[1], second[1]);
    fs::remove_file(site.at("shared/x.js")).unwrap();
    let scan = site.settled();
    assert_eq!(site.found(&scan), second);
    site.now += REMOVED_AFTER;
    let scan = site.settled();
    assert_ne!(site.found(&scan)[0], second[0]);
}

#[test]
fn helpers_beside_the_folder_belong_to_their_importers_under_the_same_protection() {
    let mut site = Site::new();
    site.write("a.js", "require('../lib/util')");
    site.write("b.js", SDK);
    site.write("../lib/util.js", "require('openai'); require('../../beyond.js')");
    site.write("../lib/alone.js", SDK);
    site.rules = rules("openai", Recursion::On);
    let scan = site.settled();
    assert_eq!(site.ids(&scan), ["a", "b"], "nothing beside the folder is a worker");
    assert!(scan.folders.contains(&site.at("../lib")));
    let first = site.found(&scan);
    site.write("../lib/util.js", "require('openai'); f()");
    let scan = site.settled();
    let second = site.found(&scan);
    assert_ne!(first[0], second[0]);
    assert_eq!(first[1], second[1]);
    let allow = |path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    for (open, mode) in [("../lib/util.js", 0o644), ("../lib", 0o755), ("..", 0o755)] {
        allow(site.at(open), 0o777);
        let scan = site.settled();
        assert_eq!(site.ids(&scan), ["b"], "{open}");
        assert!(reason(&scan, "../lib/util.js").contains("anyone may write"), "{open}");
        allow(site.at(open), mode);
    }
    let beyond = tempfile::tempdir().unwrap();
    fs::write(beyond.path().join("util.js"), SDK).unwrap();
    fs::remove_file(site.at("../lib/util.js")).unwrap();
    symlink(beyond.path().join("util.js"), site.at("../lib/util.js")).unwrap();
    let scan = site.settled();
    assert_eq!(site.ids(&scan), ["b"]);
    assert!(reason(&scan, "../lib/util.js").contains("ends outside the folder"));
}

#[test]
fn odd_things_are_rejected_and_never_waited_for() {
    let mut site = Site::new();
    site.write("ok.js", SDK);
    fs::create_dir(site.at("folder.js")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, site.at("pipe.js"), 0o600.into()).unwrap();
    let _socket = UnixListener::bind(site.at("socket.js")).unwrap();
    symlink("nowhere.js", site.at("broken.js")).unwrap();
    symlink("loop.js", site.at("loop.js")).unwrap();
    symlink("/dev/zero", site.at("zero.js")).unwrap();
    let long = format!("{SDK}//{}", "x".repeat(1 << 20));
    site.write("big.js", &long);
    let limit = usize::try_from(MAX_FILE).unwrap();
    site.write("almost.js", &long[..limit]);
    fs::write(site.at("binary.js"), b"\xff\xfe\0\x01").unwrap();
    let odd = OsStr::from_bytes(b"bad\xff.js");
    fs::write(site.workers().join(odd), SDK).unwrap();
    let scan = site.settled();
    assert_eq!(site.ids(&scan), ["almost", "ok"]);
    assert!(scan.listing.files.contains_key(Path::new(odd)));
    for (name, part) in [
        ("folder.js", "a folder"),
        ("pipe.js", "a pipe"),
        ("socket.js", "a socket"),
        ("broken.js", "leads to nothing"),
        ("loop.js", "cannot be read"),
        ("zero.js", "a device"),
        ("big.js", "at most 1 MiB is read"),
    ] {
        assert!(reason(&scan, name).contains(part), "{name}: {}", reason(&scan, name));
    }
}

#[test]
fn links_must_end_inside_and_a_swap_of_what_they_lead_to_is_seen() {
    let mut site = Site::new();
    fs::write(site.folder.path().join("real.js"), SDK).unwrap();
    symlink("../real.js", site.at("out.js")).unwrap();
    site.write("_hidden.js", SDK);
    symlink("_hidden.js", site.at("in.js")).unwrap();
    site.write("..v1/cm.js", SDK);
    site.write("..v2/cm.js", "import 'openai'; f()");
    symlink("..v1", site.at("..data")).unwrap();
    symlink("..data/cm.js", site.at("cm.js")).unwrap();
    let scan = site.settled();
    assert_eq!(site.ids(&scan), ["cm", "in"]);
    assert!(reason(&scan, "out.js").contains("ends outside the folder"));
    let first = site.found(&scan);
    symlink("..v2", site.at("..tmp")).unwrap();
    fs::rename(site.at("..tmp"), site.at("..data")).unwrap();
    let scan = site.settled();
    assert_ne!(site.found(&scan)[0], first[0]);
}

#[test]
fn what_only_a_removed_file_imported_goes_with_it() {
    let mut site = Site::new();
    site.write("a.js", "import './shared/x.js'; import '../lib/y.js'; import 'openai'");
    site.write("shared/x.js", "");
    site.write("../lib/y.js", "");
    assert_eq!(site.settled().listing.files.len(), 3);
    fs::remove_file(site.at("a.js")).unwrap();
    site.scan();
    site.now += REMOVED_AFTER;
    assert!(site.scan().listing.files.is_empty(), "no further look is needed");
}

#[test]
fn a_link_to_a_folder_is_imported_as_a_folder() {
    let mut site = Site::new();
    site.write("a.js", "import 'openai'; require('./shared')");
    site.write("real/index.js", "exports.v = 1");
    symlink("real", site.at("shared")).unwrap();
    let scan = site.settled();
    let first = site.found(&scan);
    assert_eq!(scan.listing.imports_of(Path::new("a.js")), [Path::new("shared/index.js")]);
    site.write("real/index.js", "exports.v = 2");
    let scan = site.settled();
    assert_ne!(site.found(&scan), first, "an edit of its index is an edit of what it imports");
}

#[test]
fn what_anyone_may_write_to_starts_nothing_and_keeps_what_runs() {
    let mut site = Site::new();
    site.write("a.js", SDK);
    site.write("b.js", "import './shared/x.js'; import 'openai'");
    site.write("shared/x.js", "");
    let allow =
        |path: PathBuf, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let first = site.settled();
    let first = site.found(&first);
    allow(site.at("a.js"), 0o666);
    allow(site.at("shared"), 0o777);
    let scan = site.settled();
    assert_eq!(site.ids(&scan), [""; 0]);
    assert!(reason(&scan, "a.js").contains("anyone may write to it (mode 666)"));
    let runs = |id: &WorkerId| Some(PathBuf::from(format!("{id}.js")));
    let running = judge(&site.rules, &scan.listing, &runs).candidates;
    let running: Vec<_> =
        running.into_iter().map(|c| (c.id.to_string(), c.fingerprint.0)).collect();
    assert_eq!(running, first);
    allow(site.at("a.js"), 0o664);
    allow(site.at("shared"), 0o755);
    let scan = site.settled();
    assert_eq!(site.found(&scan), first);
    allow(site.workers(), 0o777);
    let error = site.try_scan().unwrap_err();
    assert!(matches!(error, ScanError::Open(_)), "{error}");
    allow(site.workers(), 0o755);
    let scan = site.settled();
    assert_eq!(site.ids(&scan), ["a", "b"]);
}

#[test]
fn what_anyone_may_write_to_runs_with_a_warning_where_that_is_accepted() {
    let mut site = Site::new();
    site.write("a.js", SDK);
    site.write("b.js", SDK);
    let allow =
        |path: PathBuf, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    allow(site.at("a.js"), 0o666);
    let scan = site.settled();
    assert_eq!(site.ids(&scan), ["b"]);
    site.rules = site::lenient_rules();
    let warned = |scan: &Scan, file: &str| {
        let warnings = &scan.listing.files[Path::new(file)].warnings;
        warnings.iter().any(|warning| warning.contains("anyone may write"))
    };
    for _ in 0..2 {
        let scan = site.settled();
        assert_eq!(site.ids(&scan), ["a", "b"]);
        assert_eq!((warned(&scan, "a.js"), warned(&scan, "b.js")), (true, false));
    }
    allow(site.workers(), 0o777);
    let scan = site.settled();
    assert_eq!(site.ids(&scan), ["a", "b"]);
    assert!(warned(&scan, "b.js"), "its folder is open now");
}

#[test]
fn the_sticky_bit_is_enough_for_a_folder_above_and_not_for_one_that_is_read() {
    let mut site = Site::new();
    site.write("a.js", "import '../lib/util.js'; import 'openai'");
    site.write("../lib/util.js", "");
    let allow =
        |path: PathBuf, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    allow(site.at(".."), 0o1777);
    let scan = site.settled();
    assert_eq!(site.ids(&scan), ["a"], "others cannot replace `lib`");
    allow(site.at("../lib"), 0o1777);
    let scan = site.settled();
    assert_eq!(site.ids(&scan), [""; 0], "others may add a helper");
    allow(site.at("../lib"), 0o755);
    allow(site.workers(), 0o1777);
    let error = site.try_scan().unwrap_err();
    assert!(matches!(error, ScanError::Open(_)), "others may add a worker: {error}");
}

#[test]
fn a_folder_that_is_gone_takes_nothing_with_it() {
    let mut site = Site::new();
    site.write("a.js", SDK);
    let first = site.settled();
    fs::rename(site.workers(), site.folder.path().join("away")).unwrap();
    site.now += REMOVED_AFTER * 10;
    let error = site.try_scan().unwrap_err();
    assert!(matches!(error, ScanError::Missing(_)), "{error}");
    fs::write(site.workers(), "").unwrap();
    let error = site.try_scan().unwrap_err();
    assert!(matches!(error, ScanError::NotFolder(_)), "{error}");
    fs::remove_file(site.workers()).unwrap();
    fs::create_dir(site.workers()).unwrap();
    let again = site.settled();
    assert_eq!(site.found(&again), site.found(&first), "its absence begins now");
}

#[test]
fn new_rules_are_asked_about_files_that_have_not_changed() {
    let mut site = Site::new();
    site.write("a.js", SDK);
    site.write("b.js", "import 'ai';");
    let scan = site.settled();
    assert_eq!(site.ids(&scan), ["a"]);
    let writer = OpenOptions::new().append(true).open(site.at("a.js")).unwrap();
    site.rules = rules("ai", Recursion::Off);
    let error = site.try_scan().unwrap_err();
    assert!(matches!(error, ScanError::Busy(_)), "{error}");
    drop(writer);
    let scan = site.settled();
    assert_eq!(site.ids(&scan), ["b"]);
}

#[test]
fn unchanged_files_keep_their_analyses() {
    let mut site = Site::new();
    site.write("a.js", SDK);
    let first = site.settled();
    let second = site.settled();
    let analysis = |scan: &Scan| scan.listing.files[Path::new("a.js")].analysis().cloned();
    let (first, second) = (analysis(&first).unwrap(), analysis(&second).unwrap());
    assert!(Arc::ptr_eq(&first, &second));
}
