//! Following the folder of workers where the disk is strange.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, chown},
        net::UnixListener,
    },
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    procs,
    site::{Site, until},
};

fn verdict(site: &Site, file: &str) -> Value {
    let files = site.json("/discovery")["files"].clone();
    let found = files.as_array().unwrap().iter().find(|verdict| verdict["file"] == file).cloned();
    found.unwrap_or_default()
}

#[test]
fn g6_a_worker_that_writes_where_it_lives_is_not_started_for_ever() {
    let mut site = Site::new();
    site.sh(
        "calm",
        "while :; do echo x >> workers/out.log; date > workers/now.json; sleep 0.01; done",
    );
    site.sh("wild", "echo '# once more' >> workers/wild.sh; exec sleep 300\n");
    site.start();
    site.wait("calm", "running");
    until("it is reported", || site.session().contains("wild changes too often").then_some(()));
    let wild = site.worker("wild");
    assert!(wild["warnings"].to_string().contains("change too often"), "{wild}");
    assert!((20..60).contains(&wild["starts"].as_u64().unwrap()), "{wild}");
    assert_eq!((&wild["attempts"], &site.worker("calm")["starts"]), (&json!(0), &json!(1)));
    site.sh("wild", "exec sleep 300");
    until("the last content runs", || {
        let wild = site.worker("wild");
        (wild["state"] == "running" && wild["changed"] == false).then_some(())
    });
}

#[test]
fn g9_changes_that_make_no_event_are_found_by_looking() {
    if procs::lacks(&["root", "unshare"]) {
        return;
    }
    let mut site = Site::new();
    site.set("discovery.directory", "'merged'").set("discovery.scan_interval", "'200ms'");
    let mount = "mkdir -p lower merged private && mount -t tmpfs none private && \
                 mkdir private/upper private/work && mount -t overlay overlay -o \
                 lowerdir=lower,upperdir=private/upper,workdir=private/work merged && exec \"$@\"";
    site.through(&["unshare", "-m", "sh", "-c", mount, "sh"]);
    fs::create_dir(site.path("lower")).unwrap();
    site.write("lower/a.sh", "exec sleep 300").write("lower/b.sh", "exec sleep 300");
    site.start();
    let a = site.wait("a", "running");
    let b = site.wait("b", "running");
    site.write("lower/c.sh", "exec sleep 300");
    site.wait("c", "running");
    // In place: for a file renamed over it an overlay goes on showing the one it knows.
    fs::write(site.path("lower/a.sh"), "exec sleep 301").unwrap();
    until("a is replaced", || {
        let now = site.wait("a", "running");
        (now["pid"] != a["pid"]).then_some(())
    });
    fs::remove_file(site.path("lower/c.sh")).unwrap();
    until("c is gone", || (site.get("/workers/c").status == 404).then_some(()));
    assert_eq!(site.worker("b")["pid"], b["pid"]);
}

#[test]
fn g10_odd_entries_are_reported_and_block_nothing() {
    let mut site = Site::new();
    site.sh("a", "exec sleep 300").write("workers/b.js", "setInterval(() => {}, 1e6)");
    site.start();
    site.wait("a", "running");
    let b = site.wait("b", "running");
    fs::create_dir(site.path("workers/folder.sh")).unwrap();
    assert!(Command::new("mkfifo").arg(site.path("workers/pipe.sh")).status().unwrap().success());
    let _socket = UnixListener::bind(site.path("workers/socket.sh")).unwrap();
    let long = format!("{}.sh", "x".repeat(252));
    site.write("workers/empty.sh", "").write(&format!("workers/{long}"), "exec sleep 300");
    fs::write(site.path("workers").join(OsStr::from_bytes(b"odd\xff.sh")), "exit 0").unwrap();
    site.write("workers/b.mjs", "setInterval(() => {}, 1e6)").sh("last", "exec sleep 300");
    site.wait("last", "running");
    site.wait("empty", "completed");
    for (file, reason) in [
        ("folder.sh", "a folder"),
        ("pipe.sh", "a pipe"),
        ("socket.sh", "a socket"),
        (&long, "64"),
        ("b.mjs", "the id `b` belongs to `b.js` already"),
    ] {
        let verdict = verdict(&site, file);
        assert_eq!(verdict["verdict"], "rejected", "{file}: {verdict}");
        assert!(verdict["reason"].as_str().unwrap().contains(reason), "{file}: {verdict}");
    }
    assert_eq!(site.worker("b")["pid"], b["pid"]);
}

#[test]
fn g11_what_cannot_be_read_is_reported_and_the_others_run() {
    if procs::lacks(&["root", "setpriv"]) {
        return;
    }
    let mut site = Site::new();
    site.through(&["setpriv", "--reuid", "65534", "--clear-groups"]);
    site.sh("a", "exec sleep 300").sh("b", "exec sleep 300").write_config();
    let folder = site.folder().to_owned();
    let files = ["", "arcanos.toml", "workers", "workers/a.sh", "workers/b.sh"];
    files.iter().for_each(|file| chown(folder.join(file), Some(65534), None).unwrap());
    let allow = |file: &str, mode| {
        fs::set_permissions(folder.join(file), fs::Permissions::from_mode(mode)).unwrap();
    };
    site.start();
    let pids = ["a", "b"].map(|id| site.wait(id, "running")["pid"].clone());
    let assert_same = || {
        assert_eq!(["a", "b"].map(|id| site.worker(id)["pid"].clone()), pids);
    };
    allow("workers/a.sh", 0);
    until("a is reported", || {
        let reason = verdict(&site, "a.sh")["reason"].to_string();
        (reason.contains("ermission denied") && reason.contains("what runs goes on")).then_some(())
    });
    site.sh("c", "exec sleep 300");
    site.wait("c", "running");
    for (file, part) in [("workers", "discovery"), ("arcanos.toml", "config")] {
        allow(file, 0);
        until("it is reported", || {
            let error = site.json("/health")[part]["error"].to_string();
            error.contains("ermission denied").then_some(())
        });
        assert_same();
        allow(file, 0o755);
        until("it is well", || (site.json("/health")[part]["error"].is_null()).then_some(()));
    }
    allow("workers/a.sh", 0o644);
    until("a is well", || (verdict(&site, "a.sh")["verdict"] == "worker").then_some(()));
    assert_same();
}

#[test]
fn h1_a_huge_config_is_refused_without_being_read() {
    let mut site = Site::new();
    site.sh("a", "exec sleep 300");
    site.start();
    let a = site.wait("a", "running");
    let before = procs::rss(site.pid());
    let good = site.read("arcanos.toml");
    let draft = site.path("draft");
    fs::File::create(&draft).unwrap().set_len(100 << 20).unwrap();
    fs::rename(&draft, site.path("arcanos.toml")).unwrap();
    until("it is reported", || {
        site.json("/health")["config"]["error"].to_string().contains("1 MiB").then_some(())
    });
    let grown = procs::rss(site.pid()).saturating_sub(before);
    assert!(grown < 8, "{grown} MiB more");
    assert_eq!(site.worker("a")["pid"], a["pid"]);
    site.write("arcanos.toml", &good);
    until("it is well", || (site.json("/health")["status"] == "OK").then_some(()));
    assert_eq!(site.worker("a")["pid"], a["pid"]);
}
