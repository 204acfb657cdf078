//! Whatever the disk does: folders that go and come, lost events, configs that are broken. What
//! runs keeps running, `/health` says what is wrong, and the disk's state is reached once it is good.

use std::{fs, os::unix::fs::symlink};

use rustix::process::Signal;
use serde_json::Value;

use crate::site::{Picture, Setup, Site};

const STAYS: &str = "exec sleep 86400";

fn site() -> (Site, Picture) {
    let site = Setup::new().worker("a.sh", STAYS).worker("b.sh", STAYS).start();
    let picture = site.wait_running(&["a", "b"]);
    (site, picture)
}

fn is_degraded(health: &Value) -> bool {
    health["status"] == "degraded"
}

fn is_well(health: &Value) -> bool {
    health["status"] == "OK"
}

#[test]
fn a_folder_that_is_moved_away_keeps_its_runs_until_it_is_back() {
    let (site, before) = site();
    fs::rename(site.path("workers"), site.path("elsewhere")).unwrap();
    let health = site.wait_health("the missing folder to show", is_degraded);
    assert!(health["discovery"]["error"].as_str().unwrap().contains("workers"), "{health}");
    site.assert_same_runs(&before);
    fs::rename(site.path("elsewhere"), site.path("workers")).unwrap();
    site.wait_health("the folder to be well", is_well);
    site.assert_same_runs(&before);
    site.write("workers/c.sh", STAYS);
    site.wait_running(&["c"]);
    site.assert_same_runs(&before);
}

#[test]
fn a_start_from_a_folder_that_is_away_waits_for_it_and_spends_no_attempt() {
    let site = Setup::new().set("restart.max_attempts", "0").worker("a.sh", STAYS).start();
    site.wait_running(&["a"]);
    fs::rename(site.path("workers"), site.path("elsewhere")).unwrap();
    site.post("/workers/restart/a");
    site.wait_said("a cannot be launched for the moment: cannot find the worker's file");
    assert_eq!(site.worker("a").state(), "starting");
    fs::rename(site.path("elsewhere"), site.path("workers")).unwrap();
    site.wait_running(&["a"]);
}

#[test]
fn what_is_deep_below_a_folder_that_is_swapped_is_noticed() {
    let mut site = Setup::new()
        .openai()
        .set("discovery.scan_interval", "\"1h\"")
        .set("env.files", "[\"conf/deep/x.env\"]")
        .set("env.set.E", "\"${EX}\"")
        .file("conf/deep/x.env", "EX=1\n")
        .file("conf.new/deep/x.env", "EX=2\n")
        .worker("lib/deep/er/x.js", "exports.v = 1;")
        .worker("lib.new/deep/er/x.js", "exports.v = 2;")
        .worker(
            "a.js",
            "require('openai'); require('./lib/deep/er/x.js'); setInterval(() => {}, 1e9);",
        )
        .lay();
    site.start();
    let before = site.wait_running(&["a"]).worker("a");
    let swap = |name: &str| {
        fs::rename(site.path(name), site.path(&format!("{name}.old"))).unwrap();
        fs::rename(site.path(&format!("{name}.new")), site.path(name)).unwrap();
    };
    swap("workers/lib");
    let second = site.wait_replaced(&before);
    swap("conf");
    site.wait_replaced(&second);
}

#[test]
fn a_folder_that_goes_with_one_above_it_is_followed_again_once_it_is_back() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let at = |name: &str| elsewhere.path().join(name);
    fs::create_dir_all(at("above/workers")).unwrap();
    fs::write(at("above/workers/a.sh"), STAYS).unwrap();
    let site = Setup::new()
        .set("discovery.scan_interval", "\"1h\"")
        .set("discovery.directory", &format!("{:?}", at("above/workers")))
        .start();
    let before = site.wait_running(&["a"]);
    fs::rename(at("above"), at("away")).unwrap();
    site.reload();
    site.wait_health("the folder to be missed", is_degraded);
    fs::rename(at("away"), at("above")).unwrap();
    site.wait_health("the folder to be well", is_well);
    site.assert_same_runs(&before);
}

#[test]
fn a_folder_made_anew_is_followed_and_the_old_one_is_not() {
    let (site, before) = site();
    fs::rename(site.path("workers"), site.path("elsewhere")).unwrap();
    fs::create_dir(site.path("drafted")).unwrap();
    fs::write(site.path("drafted/a.sh"), STAYS).unwrap();
    fs::write(site.path("drafted/b.sh"), "echo second; exec sleep 86400").unwrap();
    fs::rename(site.path("drafted"), site.path("workers")).unwrap();
    let b = site.wait_replaced(&before.worker("b"));
    site.assert_same_run(&before, "a");
    fs::write(site.path("elsewhere/old.sh"), STAYS).unwrap();
    site.write("workers/new.sh", STAYS);
    site.wait_running(&["new"]);
    assert_eq!(site.picture().ids(), ["a", "b", "new"]);
    assert_eq!(site.worker("b").pid(), b.pid());
}

#[test]
fn a_symlink_swap_brings_the_new_content() {
    let site = Setup::new()
        .worker("..v1/a.sh", "echo version 1; exec sleep 86400")
        .worker("..v1/b.sh", STAYS)
        .worker("..v2/a.sh", "echo version 2; exec sleep 86400")
        .worker("..v2/b.sh", STAYS)
        .lay();
    let workers = site.path("workers");
    symlink("..v1", workers.join("..data")).unwrap();
    for file in ["a.sh", "b.sh"] {
        symlink(format!("..data/{file}"), workers.join(file)).unwrap();
    }
    let mut site = site;
    site.start();
    let before = site.wait_running(&["a", "b"]);
    symlink("..v2", workers.join("..data_tmp")).unwrap();
    fs::rename(workers.join("..data_tmp"), workers.join("..data")).unwrap();
    site.wait_replaced(&before.worker("a"));
    site.wait_text("memory/logs/a.log", "version 2");
    site.assert_same_run(&before, "b");
}

#[test]
fn a_folder_may_go_and_come_with_those_above_it() {
    let site = Setup::new()
        .set("discovery.directory", "'app/next/workers'")
        .file("app/next/workers/a.sh", STAYS)
        .start();
    let before = site.wait_running(&["a"]);
    fs::rename(site.path("app"), site.path("elsewhere")).unwrap();
    site.wait_health("the missing folder to show", is_degraded);
    fs::rename(site.path("elsewhere"), site.path("app")).unwrap();
    site.wait_health("the folder to be well", is_well);
    site.assert_same_runs(&before);
    site.write("app/next/workers/b.sh", STAYS);
    site.wait_running(&["b"]);
}

#[test]
fn links_on_the_way_may_be_swapped_and_what_they_lead_to_may_go_and_come() {
    let mut site = Setup::new()
        .file("releases/1/workers/a.sh", "echo version 1; exec sleep 86400")
        .file("releases/1/workers/b.sh", STAYS)
        .file("releases/2/workers/a.sh", "echo version 2; exec sleep 86400")
        .file("releases/2/workers/b.sh", STAYS)
        .lay();
    site.write("releases/1/arcanos.toml", site.config_text());
    site.write("releases/2/arcanos.toml", site.config_text() + "restart.max_attempts = 9\n");
    site.remove("arcanos.toml");
    symlink("releases/1", site.path("current")).unwrap();
    symlink("current/workers", site.path("workers")).unwrap();
    symlink("current/arcanos.toml", site.path("arcanos.toml")).unwrap();
    site.start();
    let before = site.wait_running(&["a", "b"]);
    symlink("releases/2", site.path("next")).unwrap();
    fs::rename(site.path("next"), site.path("current")).unwrap();
    site.wait_replaced(&before.worker("a"));
    site.wait("the other config", |picture| picture.worker("b").at("/maxAttempts") == 9);
    site.assert_same_run(&before, "b");
    let before = site.picture();
    fs::rename(site.path("releases"), site.path("elsewhere")).unwrap();
    site.wait_health("what is missing to show", |health| {
        health["config"]["error"].is_string() && health["discovery"]["error"].is_string()
    });
    fs::rename(site.path("elsewhere"), site.path("releases")).unwrap();
    site.wait_health("all to be well", is_well);
    site.assert_same_runs(&before);
}

#[test]
fn after_an_overflow_of_events_the_disk_counts() {
    let (site, before) = site();
    site.signal(Signal::STOP);
    for n in 0..6000 {
        let path = site.path(&format!("workers/noise{n}.txt"));
        fs::write(&path, "x").unwrap();
        fs::remove_file(&path).unwrap();
    }
    site.write("workers/c.sh", STAYS);
    site.remove("workers/a.sh");
    site.write("workers/b.sh", "echo second; exec sleep 86400");
    site.signal(Signal::CONT);
    site.wait_running(&["c"]);
    site.wait_state("a", "absent");
    site.wait_replaced(&before.worker("b"));
    assert_eq!(site.picture().ids(), ["b", "c"]);
}

#[test]
fn a_folder_without_events_is_polled() {
    let site = Setup::new()
        .set("discovery.watch", "'poll'")
        .set("discovery.scan_interval", "'100ms'")
        .worker("a.sh", STAYS)
        .start();
    let before = site.wait_running(&["a"]);
    assert_eq!(site.get("/health")["discovery"]["watcher"], "poll");
    site.write("workers/b.sh", STAYS);
    site.wait_running(&["b"]);
    site.write("workers/a.sh", "echo second; exec sleep 86400");
    site.wait_replaced(&before.worker("a"));
    site.remove("workers/b.sh");
    site.wait_state("b", "absent");
}

#[test]
fn what_no_event_reports_is_found_at_the_next_interval() {
    let site = Setup::new()
        .set("discovery.watch", "'native'")
        .set("discovery.scan_interval", "'100ms'")
        .worker("a.sh", STAYS)
        .worker("b.sh", STAYS)
        .start();
    let before = site.wait_running(&["a", "b"]);
    // Written by a name that it has elsewhere, a file changes without an event in this folder.
    fs::hard_link(site.path("workers/a.sh"), site.path("elsewhere.sh")).unwrap();
    fs::write(site.path("elsewhere.sh"), "echo second; exec sleep 86400").unwrap();
    site.wait_replaced(&before.worker("a"));
    site.assert_same_run(&before, "b");
}

#[test]
fn a_bad_config_changes_nothing_until_it_is_mended() {
    let (site, before) = site();
    let good = site.config_text();
    let long = format!("# {}\n{good}", "x".repeat(2 << 20));
    let cases: [(&str, &str); 5] = [
        ("empty", ""),
        ("half written", &good[..good.len() / 2]),
        ("an unknown key", &format!("{good}restart.max_atempts = 1\n")),
        ("too long", &long),
        ("not UTF-8", "\u{0}"),
    ];
    for (what, text) in cases {
        site.write("arcanos.toml", text);
        let health = site.wait_health(what, is_degraded);
        assert!(health["config"]["error"].is_string(), "{what}: {health}");
        let reply = site.post("/reload");
        assert_eq!(reply.status, 422, "{what}: {}", reply.text());
        assert!(!reply.json()["errors"].as_array().unwrap().is_empty(), "{what}");
        site.assert_same_runs(&before);
        site.write("arcanos.toml", &good);
        site.wait_health("the mended config", is_well);
        site.assert_same_runs(&before);
    }
}

#[test]
fn a_config_that_is_deleted_or_cannot_be_read_keeps_what_runs() {
    let (site, before) = site();
    let good = site.config_text();
    site.remove("arcanos.toml");
    site.wait_health("the deleted config to show", is_degraded);
    site.assert_same_runs(&before);
    // A folder in its place cannot be read, not even by root.
    fs::create_dir(site.path("arcanos.toml")).unwrap();
    site.wait_health("the folder in its place to show", is_degraded);
    site.write("workers/c.sh", STAYS);
    site.wait_running(&["c"]);
    fs::remove_dir(site.path("arcanos.toml")).unwrap();
    site.write("arcanos.toml", &good);
    site.wait_health("the config to be back", is_well);
    site.assert_same_runs(&before);
}

#[test]
fn of_a_config_that_flaps_the_last_one_counts() {
    let (mut site, before) = site();
    for n in 0..50 {
        site.set("restart.max_attempts", &n.to_string());
        site.write("arcanos.toml", "broken [");
    }
    site.set("restart.max_attempts", "77");
    site.wait("the last limit", |picture| picture.worker("a").at("/maxAttempts") == 77);
    site.wait_health("nothing to be wrong", is_well);
    site.assert_same_runs(&before);
}

#[test]
fn errors_of_a_config_are_the_same_text_everywhere() {
    let (mut site, _) = site();
    site.set("restart.max_atempts", "3");
    let health = site.wait_health("the error to show", is_degraded);
    let error = health["config"]["error"].as_str().unwrap().lines().next().unwrap().to_owned();
    let expected = "restart.max_atempts: unknown key";
    assert!(
        error.contains("arcanos.toml:")
            && error.contains(expected)
            && error.contains("max_attempts"),
        "{error}"
    );
    let reply = site.post("/reload").json();
    assert!(reply["errors"].to_string().contains(expected), "{reply}");
    site.wait_said(expected);
    let check = site.run(&["check"]);
    assert_eq!(check.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&check.stderr).contains(expected)
            || String::from_utf8_lossy(&check.stdout).contains(expected)
    );
}

#[test]
fn a_file_that_anyone_may_write_is_rejected_and_its_run_goes_on() {
    use std::os::unix::fs::PermissionsExt;
    let (mut site, before) = site();
    let allow = |site: &Site, mode| {
        fs::set_permissions(site.path("workers/a.sh"), fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(&site, 0o666);
    let refused = site.post("/workers/restart/a?wait=1");
    assert_eq!((refused.status, &refused.json()["code"]), (409, &"barred".into()));
    assert!(
        refused.text().contains("anyone may write to it; run `chmod o-w"),
        "{}",
        refused.text()
    );
    assert_eq!(site.run(&["restart", "a"]).status.code(), Some(1));
    site.reload();
    let found = site.get("/discovery")["files"].as_array().unwrap().clone();
    let a = found.iter().find(|file| file["file"] == "a.sh").unwrap();
    assert!(a["reason"].as_str().is_some_and(|reason| reason.contains("anyone")), "{a}");
    for target in ["a", "workers/a.sh"] {
        let output = site.run(&["why", target]);
        let why = String::from_utf8_lossy(&output.stdout);
        assert!(why.contains("rejected") && why.contains("anyone may write to it"), "{why}");
        assert!(why.contains("state: running"), "{why}");
    }
    assert_eq!(site.post("/workers/restart-all").status, 200);
    let b = site.wait_replaced(&before.worker("b"));
    site.wait_said("Worker a is not started: anyone may write to it");
    site.set("env.set.COLOUR", "'red'");
    site.wait_replaced(&b);
    let a = site.wait("a to lag behind", |picture| picture.worker("a").is_changed()).worker("a");
    assert_eq!((a.state(), a.pid()), ("running", before.worker("a").pid()));
    allow(&site, 0o644);
    site.wait_replaced(&before.worker("a"));
    assert!(!site.worker("a").is_changed());
}
