use std::{fs, os::unix::fs::symlink};

use super::*;

/// A folder, and what looks at it.
struct Site {
    folder: tempfile::TempDir,
    files: WatchedFiles,
    globs: Vec<Arc<WatchGlobs>>,
    now: Instant,
}

impl Site {
    fn new(globs: &[&[&str]]) -> Self {
        let compile = |list: &&[&str]| {
            let list: Vec<String> = list.iter().map(|&glob| glob.to_owned()).collect();
            Arc::new(WatchGlobs::compile(&list, Vec::new()).expect("good globs"))
        };
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            files: WatchedFiles::default(),
            globs: globs.iter().map(compile).collect(),
            now: Instant::now(),
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.at(name).parent().expect("a folder")).expect("a folder");
        fs::write(self.at(name), text).expect("a file");
    }

    fn look(&mut self) -> Watched {
        self.files.look(self.folder.path(), &self.globs, self.now)
    }

    /// Looks until nothing is held or fresh: where there are no leases, that takes a moment.
    fn settled(&mut self) -> Watched {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let found = self.look();
            if !found.fresh && found.wake.is_none() {
                return found;
            }
            assert!(Instant::now() < deadline, "not settled: {found:?}");
            std::thread::yield_now();
        }
    }
}

fn names(set: &WatchedSet) -> Vec<&str> {
    set.files.keys().filter_map(|path| path.to_str()).collect()
}

#[test]
fn each_list_of_globs_finds_its_own_files() {
    let mut site = Site::new(&[&["prompts/**"], &["*.json", "prompts/*.txt"]]);
    for name in ["prompts/a.md", "prompts/de/b.md", "prompts/c.txt", "d.json", "e.md"] {
        site.write(name, name);
    }
    site.write("prompts/.a.md.swp", "");
    let found = site.settled();
    assert_eq!(names(&found.sets[0]), ["prompts/a.md", "prompts/c.txt", "prompts/de/b.md"]);
    assert_eq!(names(&found.sets[1]), ["d.json", "prompts/c.txt"]);
    let folders = ["", "prompts", "prompts/de"].map(PathBuf::from);
    assert_eq!(found.sets[0].folders, BTreeSet::from(folders));
    assert!(site.files.is_as_left(site.folder.path(), &site.globs));
}

#[test]
fn content_counts_and_a_touch_does_not() {
    let mut site = Site::new(&[&["prompts/**"]]);
    site.write("prompts/a.md", "one");
    let before = site.settled().sets[0].files.clone();
    site.write("prompts/a.md", "one");
    assert!(!site.files.is_as_left(site.folder.path(), &site.globs), "it must be read to know");
    assert_eq!(site.settled().sets[0].files, before);
    site.write("prompts/a.md", "two");
    let edited = site.settled().sets[0].files.clone();
    assert_ne!(edited, before);
    site.write("prompts/b.md", "");
    assert_eq!(names(&site.settled().sets[0]), ["prompts/a.md", "prompts/b.md"]);
}

#[test]
fn a_file_is_gone_after_a_while_and_a_save_by_rename_is_one_change() {
    let mut site = Site::new(&[&["a.md"]]);
    site.write("a.md", "one");
    let before = site.settled().sets[0].files.clone();
    fs::remove_file(site.at("a.md")).expect("to remove");
    let found = site.look();
    assert_eq!((found.wake, &found.sets[0].files), (Some(REMOVED_AFTER), &before));
    site.write("a.md", "one");
    assert_eq!(site.settled().sets[0].files, before);
    fs::remove_file(site.at("a.md")).expect("to remove");
    assert_eq!(site.look().sets[0].files, before);
    site.now += REMOVED_AFTER;
    let found = site.look();
    assert_eq!((found.wake, names(&found.sets[0]).len()), (None, 0));
}

#[test]
fn links_are_followed_to_files_and_where_a_glob_spells_them_out() {
    let mut site = Site::new(&[&["prompts/**"]]);
    site.write("real/a.md", "one");
    symlink(site.at("real"), site.at("prompts")).expect("a link");
    symlink(site.at("real"), site.at("real/circle")).expect("a link");
    symlink(site.at("elsewhere.md"), site.at("real/b.md")).expect("a link");
    site.write("elsewhere.md", "two");
    let found = site.settled();
    assert_eq!(names(&found.sets[0]), ["prompts/a.md", "prompts/b.md"]);
    let links = ["prompts", "prompts/b.md", "prompts/circle"].map(PathBuf::from);
    assert_eq!(found.sets[0].links, BTreeSet::from(links));
}

#[test]
fn a_large_file_counts_by_size_and_time() {
    let mut site = Site::new(&[&["data.bin"]]);
    site.write("data.bin", "");
    // Closed again, since a file that is open for writing is not read.
    let grow = |site: &Site, size| {
        let file = fs::OpenOptions::new().write(true).open(site.at("data.bin"));
        file.and_then(|file| file.set_len(size)).expect("room");
    };
    grow(&site, MAX_DIGESTED + 1);
    let before = site.settled().sets[0].files.clone();
    grow(&site, MAX_DIGESTED + 2);
    assert_ne!(site.settled().sets[0].files, before);
}

#[test]
fn more_files_than_are_watched_are_a_warning() {
    let mut site = Site::new(&[&["many/*"]]);
    fs::create_dir(site.at("many")).expect("a folder");
    for at in 0..=4096 {
        fs::write(site.at(&format!("many/{at}")), "").expect("a file");
    }
    let found = site.look();
    assert!(found.sets[0].files.len() <= 4096);
    assert!(found.sets[0].warnings[0].contains("more than 4096 files"), "{found:?}");
}
