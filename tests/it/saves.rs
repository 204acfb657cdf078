//! How editors and tools save: each way is one change, never a removal, never half a file.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    process::Command,
};

use crate::site::{Setup, Site, Worker};

/// Says its version and stays.
fn version(n: u32) -> String {
    format!("echo version {n}; exec sleep 86400\n")
}

/// A site with a worker `a` of version 1, that runs.
fn site() -> (Site, Worker) {
    let site = Setup::new().worker("a.sh", &version(1)).worker("b.sh", &version(1)).start();
    let picture = site.wait_running(&["a", "b"]);
    (site, picture.worker("a"))
}

/// Asserts that `save` was one change: version 2 runs after one more start, and `a` never was gone.
fn check(save: impl FnOnce(&Site)) {
    let (site, before) = site();
    let b = site.worker("b");
    save(&site);
    let after = site.wait_replaced(&before);
    site.wait_text("memory/logs/a.log", "version 2");
    let plan = site.reload();
    assert_eq!(plan["unchanged"], 2, "{plan}");
    let after_all = site.worker("a");
    assert_eq!((after_all.starts(), after_all.pid()), (2, after.pid()), "{}", site.session());
    assert_eq!(after_all.attempts(), 0);
    assert_eq!(site.worker("b").pid(), b.pid());
    assert_eq!(site.log("a"), "version 1\nversion 2\n");
}

#[test]
fn vim_renames_away_and_writes_anew() {
    check(|site| {
        let workers = site.path("workers");
        fs::write(workers.join("4913"), "").unwrap();
        fs::remove_file(workers.join("4913")).unwrap();
        fs::write(workers.join(".a.sh.swp"), "swap").unwrap();
        fs::rename(workers.join("a.sh"), workers.join("a.sh~")).unwrap();
        fs::write(workers.join("a.sh"), version(2)).unwrap();
        fs::remove_file(workers.join("a.sh~")).unwrap();
        fs::remove_file(workers.join(".a.sh.swp")).unwrap();
    });
}

#[test]
fn code_truncates_and_writes_in_place() {
    check(|site| fs::write(site.path("workers/a.sh"), version(2)).unwrap());
}

#[test]
fn a_draft_in_the_same_folder_is_renamed_over_it() {
    check(|site| {
        fs::write(site.path("workers/a.sh.tmp"), version(2)).unwrap();
        fs::rename(site.path("workers/a.sh.tmp"), site.path("workers/a.sh")).unwrap();
    });
}

#[test]
fn rsync_fills_a_dot_file_and_renames_it() {
    check(|site| {
        let draft = site.path("workers/.a.sh.Xy12Zw");
        let mut file = File::create(&draft).unwrap();
        for byte in version(2).as_bytes().chunks(5) {
            file.write_all(byte).unwrap();
            file.sync_all().unwrap();
        }
        drop(file);
        fs::rename(&draft, site.path("workers/a.sh")).unwrap();
    });
}

#[test]
fn a_save_by_removal_and_creation_is_not_a_removal() {
    check(|site| {
        site.remove("workers/a.sh");
        fs::write(site.path("workers/a.sh"), version(2)).unwrap();
    });
}

#[test]
fn a_copy_that_keeps_an_old_time_is_seen() {
    check(|site| {
        fs::write(site.path("old.sh"), version(2)).unwrap();
        let touched =
            Command::new("touch").args(["-d", "2001-01-01"]).arg(site.path("old.sh")).status();
        assert!(touched.unwrap().success());
        let copied = Command::new("cp")
            .arg("-p")
            .arg(site.path("old.sh"))
            .arg(site.path("workers/a.sh"))
            .status();
        assert!(copied.unwrap().success());
    });
}

#[test]
fn a_hundred_saves_end_in_the_last_one() {
    let (site, before) = site();
    for n in 2..=101 {
        fs::write(site.path("workers/a.sh"), version(n)).unwrap();
    }
    site.wait_text("memory/logs/a.log", "version 101");
    let after = site.wait_replaced(&before);
    assert_eq!(site.reload()["unchanged"], 2);
    let a = site.worker("a");
    assert_eq!((a.pid(), a.attempts()), (after.pid(), 0));
    assert!(site.log("a").ends_with("version 101\n"));
    assert_eq!(site.processes().len(), 2);
}

#[test]
fn a_file_that_is_still_written_is_not_started_and_holds_up_nobody() {
    let site = Setup::new().start();
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(site.path("workers/slow.sh"))
        .unwrap();
    file.write_all(b"echo half\n").unwrap();
    site.write("workers/quick.sh", version(1));
    site.wait_running(&["quick"]);
    assert_eq!(site.reload()["started"], serde_json::json!([]));
    assert_ne!(site.worker("slow").state(), "running");
    file.write_all(b"echo whole; exec sleep 86400\n").unwrap();
    drop(file);
    site.wait_running(&["slow"]);
    site.wait_text("memory/logs/slow.log", "half\nwhole\n");
    assert_eq!(site.worker("slow").starts(), 1);
}

#[test]
fn a_config_and_its_files_may_be_moved_away_for_a_moment_too() {
    let site = Setup::new()
        .set("workers.a.env", "{ COLOUR = '${COLOUR}' }")
        .file(".env", "COLOUR=red\n")
        .worker("a.sh", "echo $COLOUR; exec sleep 86400")
        .start();
    let before = site.wait_running(&["a"]).worker("a");
    let save = |name: &str, text: &str| {
        let (path, backup) = (site.path(name), site.path(&format!("{name}~")));
        fs::rename(&path, &backup).unwrap();
        assert_eq!(site.get("/health")["status"], "OK");
        fs::write(&path, text).unwrap();
        fs::remove_file(&backup).unwrap();
    };
    save(".env", "COLOUR=blue\n");
    let after = site.wait_replaced(&before);
    site.wait_text("memory/logs/a.log", "blue");
    save("arcanos.toml", &format!("{}restart.max_attempts = 9\n", site.config_text()));
    let a = site.wait("the limit", |picture| picture.worker("a").at("/maxAttempts") == 9);
    assert_eq!((a.worker("a").starts(), a.worker("a").pid()), (2, after.pid()));
    assert_eq!(site.log("a"), "red\nblue\n");
    assert!(!site.session().contains("not applied"), "{}", site.session());
}

#[test]
fn touch_equal_bytes_and_a_new_inode_change_nothing() {
    let (site, before) = site();
    let generation = site.picture().generation();
    let file = site.path("workers/a.sh");
    assert!(Command::new("touch").arg(&file).status().unwrap().success());
    assert_eq!(site.reload()["unchanged"], 2);
    fs::write(&file, version(1)).unwrap();
    assert_eq!(site.reload()["unchanged"], 2);
    site.write("workers/a.sh", version(1));
    assert_eq!(site.reload()["unchanged"], 2);
    let after = site.picture();
    assert_eq!((after.worker("a").pid(), after.generation()), (before.pid(), generation));
}

#[test]
fn a_checkout_of_many_files_restarts_those_that_differ() {
    let site = Setup::new().set("discovery.watch", "'native'").start();
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        command
            .args(["-c", "user.name=t", "-c", "user.email=t@localhost", "-C"])
            .arg(site.path("workers"))
            .args(words);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["init", "-q", "-b", "main"]);
    for n in 0..200 {
        fs::write(site.path(&format!("workers/note{n}.txt")), "1").unwrap();
    }
    for id in ["a", "b"] {
        fs::write(site.path(&format!("workers/{id}.sh")), version(1)).unwrap();
    }
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    git(&["checkout", "-qb", "two"]);
    for n in 0..200 {
        fs::write(site.path(&format!("workers/note{n}.txt")), "2").unwrap();
    }
    site.wait_running(&["a", "b"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "notes"]);
    site.write("workers/a.sh", version(2));
    git(&["commit", "-qam", "a"]);
    site.wait_text("memory/logs/a.log", "version 2");
    let two = site.wait_running(&["a", "b"]);
    git(&["checkout", "-q", "main"]);
    let a = site.wait_replaced(&two.worker("a"));
    assert!(site.log("a").starts_with("version 1\nversion 2\nversion 1"), "{}", site.log("a"));
    assert_eq!(site.reload()["unchanged"], 2);
    assert_eq!(site.worker("a").pid(), a.pid());
    assert_eq!(site.worker("b").pid(), two.worker("b").pid());
}
