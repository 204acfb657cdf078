//! Events of a real folder.

use std::{
    fs::{self, File, Permissions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{runtime::Runtime, sync::watch::Receiver, time::timeout};

use super::*;

/// Long enough for a machine that is busy with other tests.
const DEADLINE: Duration = Duration::from_secs(10);

struct Folder {
    root: tempfile::TempDir,
    runtime: Runtime,
    watcher: Watcher,
    looks: Receiver<u64>,
}

impl Folder {
    fn new() -> Self {
        let watcher = Watcher::new(Watch::Auto);
        assert_eq!(watcher.mode(), &WatchMode::Native);
        Self {
            root: tempfile::tempdir().expect("a folder"),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime"),
            looks: watcher.subscribe(),
            watcher,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.root.path()).expect("a folder").join(name)
    }

    /// Watches these files.
    fn watch(&mut self, files: &[&str]) {
        let mut list = WatchList::new();
        for file in files {
            list.file(&self.at(file));
        }
        self.watcher.set(&list);
        self.looks.mark_unchanged();
    }

    /// Waits until something is noticed.
    fn is_noticed(&mut self) -> bool {
        let change = async { timeout(DEADLINE, self.looks.changed()).await };
        self.runtime.block_on(change).is_ok()
    }

    /// Puts a file in place in one step, which is one event.
    fn put(&self, name: &str) {
        let spare = self.at("unwatched-spare");
        fs::create_dir_all(&spare).expect("a folder");
        fs::write(spare.join("x"), name).expect("a file");
        fs::rename(spare.join("x"), self.at(name)).expect("the file moved");
    }

    /// Whether nothing has been noticed up to now. Events come in order, so whatever was to be
    /// noticed is so before this file is put in place.
    fn is_quiet_until(&mut self, name: &str) -> bool {
        let before = *self.looks.borrow();
        self.put(name);
        assert!(self.is_noticed());
        *self.looks.borrow() == before + 1
    }
}

fn append(path: &Path) -> File {
    File::options().append(true).open(path).unwrap()
}

#[test]
fn a_name_that_begins_to_matter_is_looked_at_once() {
    let mut folder = Folder::new();
    folder.watch(&["a.toml"]);
    // Nobody listened for it when this happened.
    folder.put("b.env");
    let mut list = WatchList::new();
    ["a.toml", "b.env"].iter().for_each(|name| list.file(&folder.at(name)));
    folder.watcher.set(&list);
    assert!(folder.is_noticed());
    folder.looks.mark_unchanged();
    folder.watcher.set(&list);
    assert!(!folder.looks.has_changed().expect("a watcher"));
}

#[test]
fn every_way_to_save_is_noticed() {
    let ways: [fn(&Path); 7] = [
        |path| drop(File::create_new(path.with_file_name("b")).unwrap()),
        |path| fs::write(path, "1").unwrap(),
        |path| append(path).write_all(b"2").unwrap(),
        |path| drop(append(path)), // Closed, and nothing else.
        |path| fs::rename(path.with_file_name("other"), path).unwrap(),
        |path| append(path).set_len(0).unwrap(),
        |path| fs::remove_file(path).unwrap(),
    ];
    for (at, save) in ways.into_iter().enumerate() {
        let mut folder = Folder::new();
        fs::create_dir(folder.at("in")).unwrap();
        fs::write(folder.at("in/a"), "0").unwrap();
        fs::write(folder.at("in/other"), "3").unwrap();
        folder.watch(&["in/a", "in/b"]);
        save(&folder.at("in/a"));
        assert!(folder.is_noticed(), "way {at}");
    }
}

#[test]
fn the_names_that_were_reported_are_taken_once() {
    let mut folder = Folder::new();
    fs::create_dir(folder.at("in")).unwrap();
    folder.watch(&["in/a", "in/b"]);
    assert_eq!(
        folder.watcher.changed_paths(),
        ChangedPaths::Anything,
        "a new watch says nothing of before"
    );
    folder.put("in/a");
    assert!(folder.is_noticed());
    assert_eq!(folder.watcher.changed_paths(), ChangedPaths::Names([folder.at("in/a")].into()));
    assert_eq!(folder.watcher.changed_paths(), ChangedPaths::default());
    folder.watcher.rescan().all();
    assert!(folder.is_noticed());
    assert_eq!(folder.watcher.changed_paths(), ChangedPaths::Anything);
    fs::set_permissions(folder.at("in"), Permissions::from_mode(0o700)).unwrap();
    assert!(folder.is_noticed());
    assert_eq!(folder.watcher.changed_paths(), ChangedPaths::Anything, "of a folder itself");
    folder.watcher.change(Watch::Poll);
    assert_eq!(folder.watcher.changed_paths(), ChangedPaths::Anything, "polling names no paths");
}

#[test]
fn what_does_not_matter_is_not_noticed() {
    let mut folder = Folder::new();
    fs::create_dir(folder.at("in")).unwrap();
    fs::write(folder.at("in/a.toml"), "").unwrap();
    folder.watch(&["in/a.toml"]);
    for i in 0..100 {
        fs::write(folder.at("in/worker.log"), i.to_string()).unwrap();
        fs::read(folder.at("in/a.toml")).unwrap();
        fs::read_dir(folder.at("in")).unwrap().count();
    }
    assert!(folder.is_quiet_until("in/a.toml"));
}

#[test]
fn a_folder_that_is_moved_and_made_anew_is_watched_anew() {
    let mut folder = Folder::new();
    fs::create_dir(folder.at("in")).unwrap();
    let names = ["in", "in/a.toml"];
    folder.watch(&names);
    fs::rename(folder.at("in"), folder.at("away")).unwrap();
    assert!(folder.is_noticed(), "moved");
    folder.watch(&names);
    fs::create_dir(folder.at("in")).unwrap();
    assert!(folder.is_noticed(), "made anew");
    folder.watch(&names);
    folder.put("in/a.toml");
    assert!(folder.is_noticed(), "a file in it");
    for _ in 0..10 {
        fs::write(folder.at("away/a.toml"), "").unwrap();
    }
    assert!(folder.is_quiet_until("in/a.toml"), "the moved one is let go");
}

#[test]
fn a_folder_by_two_paths_stays_watched_when_one_is_dropped() {
    let mut folder = Folder::new();
    fs::create_dir(folder.at("real")).unwrap();
    std::os::unix::fs::symlink("real", folder.at("link")).unwrap();
    folder.watch(&["link/a.toml", "real/a.toml"]);
    fs::write(folder.at("link/a.toml"), "").unwrap();
    assert!(folder.is_noticed());
    folder.watch(&["real/a.toml"]);
    fs::write(folder.at("link/a.toml"), "").unwrap();
    assert!(folder.is_noticed());
}

#[test]
fn polling_watches_nothing_and_says_so() {
    let mut watcher = Watcher::new(Watch::Poll);
    let root = tempfile::tempdir().expect("a folder");
    let mut list = WatchList::new();
    list.file(&root.path().join("a"));
    watcher.set(&list);
    assert_eq!(watcher.mode().to_string(), "poll");
    assert_eq!(watcher.interval(DEADLINE), DEADLINE);
    assert_eq!(watcher.problem(), None);
    watcher.change(Watch::Native);
    watcher.set(&list);
    assert_eq!(watcher.mode().to_string(), "native");
}

#[test]
fn missing_events_are_explained() {
    let error = notify::Error::new(ErrorKind::MaxFilesWatch);
    assert!(explain(&error).contains("fs.inotify.max_user_watches"));
    let error = notify::Error::io(std::io::Error::from_raw_os_error(libc::EMFILE));
    assert!(explain(&error).contains("fs.inotify.max_user_instances"));
    let watcher = Watcher {
        mode: WatchMode::Poll(Some(explain(&error))),
        asked: Watch::Native,
        ..Watcher::new(Watch::Poll)
    };
    assert!(watcher.problem().is_some_and(|text| text.contains("`native`")));
    assert_eq!(watcher.interval(DEADLINE), FALLBACK_INTERVAL);
}

#[test]
fn a_list_of_workers_holds_the_folder_its_place_and_what_its_files_use() {
    let mut list = WatchList::new();
    let rules = std::sync::Arc::new(crate::discovery::Rules::compile(&config()).unwrap());
    list.workers(Path::new("/site/workers"), &rules, None);
    let folders: Vec<_> = list.folders().map(|(path, _)| path).collect();
    assert_eq!(folders, [Path::new("/site"), Path::new("/site/workers")]);
    let covers = |folder: usize, name: &str| {
        let (_, interest) = list.folders().nth(folder).unwrap();
        interest.covers(name.as_ref())
    };
    for (folder, name, expected) in [
        (0, "workers", true),
        (0, "arcanos.toml", false),
        (1, "a.js", true),
        (1, "a.py", true),
        (1, "package-lock.json", true),
        (1, "shared", false),
        (1, "..data", true),
        (1, "a.log", false),
        (1, ".a.js.swp", false),
    ] {
        assert_eq!(covers(folder, name), expected, "{name}");
    }
    let (_, workers) = list.folders().nth(1).unwrap();
    assert!(workers.covers_arrival("shared".as_ref()));
    assert!(!workers.covers_arrival("a.log".as_ref()));
}

fn config() -> crate::config::Discovery {
    crate::config::Discovery {
        directory: PathBuf::from("/site/workers"),
        ignore: Vec::new(),
        recursive: false,
        scan_interval: Duration::from_secs(30),
        watch: Watch::Auto,
        world_writable: crate::config::WorldWritable::Reject,
        prepare: crate::config::Prepare::Auto,
        rules: vec![crate::config::Rule {
            name: "py".to_owned(),
            files: vec!["*.py".to_owned()],
            imports: Vec::new(),
            any: Vec::new(),
            all: Vec::new(),
            none: Vec::new(),
            on: crate::config::View::Raw,
            command: vec!["python3".to_owned()],
            ipc: false,
            mode: crate::domain::Mode::Script,
        }],
    }
}
