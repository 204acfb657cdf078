//! Security: whose files are run, written and read.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    procs,
    site::{SLACK, Site, until},
};

fn chmod(site: &Site, name: &str, mode: u32) {
    fs::set_permissions(site.path(name), Permissions::from_mode(mode)).unwrap();
}

fn reason(site: &Site, file: &str) -> String {
    let discovery = site.json("/discovery");
    let files = discovery["files"].as_array().unwrap();
    let verdict = files.iter().find(|verdict| verdict["file"] == file);
    verdict.map(|verdict| verdict["reason"].to_string()).unwrap_or_default()
}

#[test]
fn s15_what_anyone_may_write_to_is_not_run() {
    let mut site = Site::new();
    site.set("restart.delay", "'10ms'");
    site.sh("open", "touch opened; exec sleep 300");
    chmod(&site, "workers/open.sh", 0o666);
    site.sh("later", "echo start >> starts; while [ ! -e crash ]; do sleep 0.02; done; exit 1");
    site.start();
    site.wait("later", "running");
    until("it is rejected", || reason(&site, "open.sh").contains("anyone may write").then_some(()));
    // What runs goes on, with a warning; no crash starts it anew from such a file.
    chmod(&site, "workers/later.sh", 0o666);
    until("it is warned of", || {
        site.worker("later")["warnings"].to_string().contains("anyone may write").then_some(())
    });
    assert_eq!(site.worker("later")["state"], "running");
    site.write("crash", "");
    let failed = site.wait("later", "failed");
    assert!(failed["reason"].to_string().contains("anyone may write"), "{failed}");
    assert_eq!(site.read("starts"), "start\n");
    assert!(!site.path("opened").exists());
    // Mended, it runs again by itself.
    fs::remove_file(site.path("crash")).unwrap();
    chmod(&site, "workers/later.sh", 0o644);
    chmod(&site, "workers/open.sh", 0o644);
    site.wait("later", "running");
    site.wait("open", "running");
}

#[test]
fn s15_a_crash_in_the_moment_of_the_change_starts_nothing() {
    let mut site = Site::new();
    site.set("restart.delay", "'10ms'").set("discovery.scan_interval", "'1h'");
    site.sh(
        "w",
        "echo start >> starts; while [ ! -e crash ]; do sleep 0.01; done; \
         chmod 666 $0; exit 1",
    );
    site.start();
    site.wait("w", "running");
    site.write("crash", "");
    site.wait("w", "failed");
    assert_eq!(site.read("starts"), "start\n");
}

#[test]
fn s15_a_folder_that_anyone_may_write_to_starts_nothing() {
    let mut site = Site::new();
    chmod(&site, "workers", 0o777);
    site.sh("w", "touch started; exec sleep 300");
    site.start();
    let health = until("it is said", || {
        let health = site.json("/health");
        health["discovery"]["error"].is_string().then_some(health)
    });
    assert!(health["discovery"]["error"].to_string().contains("chmod o-w"), "{health}");
    assert!(!site.path("started").exists());
    chmod(&site, "workers", 0o755);
    site.wait("w", "running");
}

#[test]
fn s15_a_worker_of_another_owner_is_warned_of() {
    if procs::lacks(&["root", "chown"]) {
        return;
    }
    let mut site = Site::new();
    site.sh("w", "exec sleep 300");
    Command::new("chown").arg("65533").arg(site.path("workers/w.sh")).status().unwrap();
    site.start();
    let warnings = site.wait("w", "running")["warnings"].to_string();
    assert!(warnings.contains("65533"), "{warnings}");
}

#[test]
fn s15_a_config_that_anyone_may_write_to_is_a_problem() {
    let mut site = Site::new();
    site.start();
    chmod(&site, "arcanos.toml", 0o666);
    until("it is a problem", || {
        let problems = site.json("/health")["problems"].to_string();
        (problems.contains("arcanos.toml") && problems.contains("chmod o-w")).then_some(())
    });
    chmod(&site, "arcanos.toml", 0o644);
    site.post("/reload");
    until("it is mended", || (site.json("/health")["status"] == "OK").then_some(()));
}

#[test]
fn s16_links_out_of_the_folder_are_not_followed() {
    let mut site = Site::new();
    site.write("outside.sh", "touch outside; exec sleep 300");
    symlink(site.path("outside.sh"), site.path("workers/a.sh")).unwrap();
    symlink("/etc/passwd", site.path("workers/b.sh")).unwrap();
    fs::create_dir(site.path("workers/..v1")).unwrap();
    site.write("workers/..v1/c.sh", "exec sleep 300");
    symlink("..v1", site.path("workers/..data")).unwrap();
    symlink("..data/c.sh", site.path("workers/c.sh")).unwrap();
    site.start();
    site.wait("c", "running");
    for file in ["a.sh", "b.sh"] {
        let reason = reason(&site, file);
        assert!(reason.contains("outside") || reason.contains("link"), "{file}: {reason}");
    }
    assert!(!site.path("outside").exists());
    assert_eq!(site.json("/workers")["workers"].as_array().unwrap().len(), 1);
}

#[test]
fn s17_logs_follow_no_link_and_are_not_for_everybody() {
    let mut site = Site::new();
    fs::create_dir_all(site.path("memory/logs")).unwrap();
    site.write("victim", "precious");
    symlink(site.path("victim"), site.path("memory/logs/w.log")).unwrap();
    symlink(site.path("victim"), site.path("memory/session.log")).unwrap();
    site.sh("w", "while :; do echo line; sleep 0.05; done").sh("x", "echo x; exec sleep 300");
    site.start();
    site.wait("w", "running");
    until("the others go on", || site.log("x").contains('x').then_some(()));
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(site.read("victim"), "precious");
    let mode = site.path("memory/logs/x.log").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o007, 0, "{mode:o}");
}

#[test]
fn s19_a_limit_that_cannot_be_held_is_said() {
    let mut site = Site::new();
    site.table("[workers.w]\nlimits = { memory = '200MB', cpu = 0.5, open_files = 64 }");
    site.sh("w", "ulimit -n > files; exec sleep 300");
    site.start();
    let worker = site.wait("w", "running");
    assert_eq!(site.read("files"), "64\n");
    let pid = worker["pid"].as_u64().unwrap();
    let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let is_held = group.lines().any(|line| line.starts_with("0::") && line.contains("arcanos"));
    let said = format!("{}{}", worker["warnings"], site.session());
    assert!(is_held || (said.contains("limits.cpu") && said.contains("cgroup")), "{group}{said}");
}

#[test]
fn s20_no_pattern_takes_longer_than_its_text() {
    let mut site = Site::new();
    site.set("log.redact", "['(a+)+$', '(x|xx)*y', '(.*)*z']");
    site.sh(
        "w",
        "i=0; while [ $i -lt 20 ]; do head -c 16000 /dev/zero | tr '\\0' a; echo; i=$((i+1)); \
         done; echo over; exec sleep 300",
    );
    let start = Instant::now();
    site.start();
    until("all is logged", || site.log("w").ends_with("over\n").then_some(()));
    assert!(start.elapsed() < Duration::from_secs(10) + SLACK, "{:?}", start.elapsed());
    let mut site = Site::new();
    site.set("log.redact", "['((a{1000}){1000}){1000}']");
    site.launch();
    assert_eq!(site.ended().code(), Some(2), "a pattern that would fill the memory");
}

#[test]
fn s21_secrets_in_files_that_others_may_read_are_warned_of() {
    let mut site = Site::new();
    site.write(".env", "OPENAI_API_KEY=a-secret-of-many-letters\n");
    chmod(&site, ".env", 0o644);
    site.set("server.token", "'another-secret-of-letters'");
    site.start();
    let said = until("it is said", || {
        let said = site.stderr();
        (said.matches("chmod 600").count() >= 2).then_some(said)
    });
    assert!(said.contains("/.env") && said.contains("/arcanos.toml"), "{said}");
    chmod(&site, ".env", 0o600);
    chmod(&site, "arcanos.toml", 0o600);
    site.stop();
    let before = site.stderr().len();
    site.start();
    assert!(!site.stderr()[before..].contains("chmod 600"), "{}", &site.stderr()[before..]);
}
