//! Whatever the config says is taken up while arcanos runs, and what need not restart does not.

use serde_json::json;

use crate::site::{Picture, Setup, Site};

const STAYS: &str = "exec sleep 86400";

/// A site with a worker that no edit here may touch.
fn site() -> (Site, Picture) {
    let site = Setup::new().worker("a.sh", STAYS).start();
    let picture = site.wait_running(&["a"]);
    (site, picture)
}

#[test]
fn what_is_looked_for_and_how() {
    let (mut site, before) = site();
    site.write("workers/b.sh", STAYS);
    site.write("workers/deep/c.sh", STAYS);
    site.wait_running(&["b"]);
    site.set("discovery.ignore", "['b.*']");
    site.wait_state("b", "absent");
    site.set_all(&[("discovery.ignore", "[]"), ("discovery.recursive", "true")]);
    site.wait_running(&["b", "c"]);
    site.set("discovery.recursive", "false");
    site.wait_state("c", "absent");
    site.set_all(&[("discovery.watch", "'poll'"), ("discovery.scan_interval", "'50ms'")]);
    site.wait_health("it to poll", |health| health["discovery"]["watcher"] == "poll");
    site.write("workers/d.sh", STAYS);
    site.wait_running(&["d"]);
    site.set("discovery.watch", "'native'");
    site.wait_health("events again", |health| health["discovery"]["watcher"] == "native");
    site.write("workers/e.sh", STAYS);
    site.wait_running(&["e"]);
    site.assert_same_runs(&before);
}

#[test]
fn who_may_ask_by_a_token_in_a_file() {
    let (mut site, before) = site();
    let asks = |site: &Site, token: &str| {
        let bearer = format!("Bearer {token}");
        site.request("GET", "/workers", &[("Authorization", &bearer)], "").status
    };
    site.write("the.token", "the-first-of-the-tokens\n");
    site.set("server.token_file", "'the.token'");
    site.wait_until("a token to be needed", |site| (asks(site, "none") == 401).then_some(()));
    assert_eq!(asks(&site, "the-first-of-the-tokens"), 200);
    site.write("the.token", "another-of-the-tokens\n");
    site.wait_until("the other token to count", |site| {
        (asks(site, "another-of-the-tokens") == 200).then_some(())
    });
    assert_eq!(asks(&site, "the-first-of-the-tokens"), 401);
    site.unset("server.token_file");
    site.wait_until("none to be needed", |site| (asks(site, "none") == 200).then_some(()));
    site.assert_same_runs(&before);
}

#[test]
fn the_active_profile_and_limits_over_all() {
    let (mut site, before) = site();
    site.set_all(&[
        ("profiles.development.restart.max_attempts", "42"),
        ("profiles.production.restart.max_attempts", "1"),
        ("start.concurrency", "3"),
        ("server.max_connections", "77"),
    ]);
    site.wait("the profile to count", |picture| picture.worker("a").at("/maxAttempts") == 42);
    let config = site.get("/config");
    assert_eq!(config["sources"]["restart.max_attempts"], "profile");
    assert_eq!(config["config"]["server"]["max_connections"], 77);
    assert_eq!(config["lastReload"]["plan"]["reasons"]["a"], "restart.max_attempts");
    site.assert_same_runs(&before);
}

#[test]
fn a_config_that_is_applied_says_so_and_so_does_one_that_is_mended() {
    let (mut site, _) = site();
    assert!(!site.session().contains("Config applied"), "a start is none");
    site.set("workers.a.stop.timeout", "'3s'");
    site.wait_said("Config applied: generation 2, 0 started, 0 stopped, 0 restarted, 1 updated");
    site.wait_said("; updated a");
    site.write("arcanos.toml", "[log\n");
    site.wait_said("Config not applied: ");
    site.save();
    let again = "Config applied: generation 2, 0 started, 0 stopped, 0 restarted, 0 updated";
    site.wait_said(again);
    site.await_text("stderr", again);
}

#[test]
fn how_logs_are_written_and_how_large_they_grow() {
    let mut site = Setup::new()
        .worker("a.sh", "while read -r line; do echo $line; done < pipe; exec sleep 86400")
        .lay();
    let mkfifo = std::process::Command::new("mkfifo").arg(site.path("pipe")).status().unwrap();
    assert!(mkfifo.success());
    site.start();
    let mut pipe = std::fs::OpenOptions::new().write(true).open(site.path("pipe")).unwrap();
    let before = site.wait_running(&["a"]);
    let mut say = |text: &str| std::io::Write::write_all(&mut pipe, text.as_bytes()).unwrap();
    say("plain\n");
    site.wait_said("] [a] plain\n");
    site.set_all(&[("log.format", "'json'"), ("log.max_size", "'1KB'"), ("log.keep", "2")]);
    site.wait_until("the config", |site| {
        (site.get("/config")["config"]["log"]["format"] == "json").then_some(())
    });
    say("structured\n");
    let line = site.wait_text("memory/session.log", "\"message\":\"structured\"");
    let last: serde_json::Value = serde_json::from_str(line.lines().last().unwrap()).unwrap();
    assert_eq!(last["worker"], json!("a"));
    for n in 0..4 {
        say(&format!("{n} {}\n", "x".repeat(900)));
        site.wait_until("a rotation", |site| {
            site.log("a").contains(&format!("{n} x")).then_some(())
        });
    }
    assert!(
        site.path("memory/logs/a.log.2").exists() && !site.path("memory/logs/a.log.3").exists()
    );
    site.assert_same_runs(&before);
}
