//! 1D: crash loops, herds, requests that cross each other, and time.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    http::Pulse,
    procs,
    site::{SLACK, Site, until},
};

#[test]
fn d1_a_crash_loop_ends_after_its_attempts_and_costs_nothing() {
    let mut site = Site::new();
    site.sh("w", "date +%s%N >> starts; exit 1");
    site.set("restart.delay", "'200ms'");
    site.start();
    let worker = site.wait("w", "failed");
    assert_eq!((worker["starts"].as_u64(), worker["attempts"].as_u64()), (Some(4), Some(3)));
    let starts = site.read("starts");
    let times: Vec<i64> = starts.lines().map(|line| line.parse().unwrap()).collect();
    let gaps: Vec<i64> = times.windows(2).map(|pair| (pair[1] - pair[0]) / 1_000_000).collect();
    assert!(gaps[0] >= 200 && gaps[1] >= 400 && gaps[2] >= 800, "{gaps:?}");
    let before = procs::cpu(site.pid());
    std::thread::sleep(Duration::from_secs(1));
    assert!(procs::cpu(site.pid()) - before <= Duration::from_millis(30));
    assert_eq!(site.read("starts").lines().count(), 4);
}

#[test]
fn d2_a_herd_that_crashes_at_boot_is_spread_and_keeps_nobody_waiting() {
    let mut site = Site::new();
    site.set("restart.delay", "'500ms'").set("restart.jitter", "0.5");
    site.set("start.concurrency", "8");
    for n in 0..100 {
        site.sh(&format!("w{n}"), "exit 1");
    }
    site.start();
    let pulse = Pulse::start(site.port());
    until("all have failed", || (site.json("/health")["workers"]["failed"] == 100).then_some(()));
    pulse.was_steady();
    site.is_empty();
}

#[test]
fn d3_a_request_in_the_delay_wins_at_once_and_stays() {
    let mut site = Site::new();
    site.set("restart.delay", "'1h'");
    site.sh("again", "[ -e good ] && exec sleep 300; exit 1");
    site.sh("stopped", "exit 1").sh("removed", "exit 1");
    site.start();
    for id in ["again", "stopped", "removed"] {
        site.wait(id, "backoff");
    }
    site.write("good", "");
    assert_eq!(site.post("/workers/restart/again?wait=1").status, 200);
    assert_eq!(site.post("/workers/stop/stopped?wait=1").status, 200);
    fs::remove_file(site.path("workers/removed.sh")).unwrap();
    until("it is gone", || (site.get("/workers/removed").status == 404).then_some(()));
    assert_eq!(site.worker("again")["starts"], 2);
    assert_eq!(site.worker("stopped")["state"], "stopped");
    assert_eq!(site.processes().len(), 1);
}

#[test]
fn d4_a_stop_in_the_middle_of_the_start_leaves_nothing() {
    for step in 0..25 {
        let mut site = Site::new();
        for n in 0..5 {
            site.sh(&format!("w{n}"), "sleep 300 & exec sleep 300");
        }
        site.launch();
        std::thread::sleep(Duration::from_millis(step * 6));
        site.signal("TERM");
        let status = site.ended();
        let is_unprepared = std::os::unix::process::ExitStatusExt::signal(&status) == Some(15);
        assert!(status.success() || is_unprepared, "after {} ms: {status}", step * 6);
        site.await_silence();
    }
}

#[test]
fn d5_fifty_restarts_at_once_are_one() {
    let mut site = Site::new();
    site.sh("w", "echo start >> starts; exec sleep 300");
    site.start();
    site.wait("w", "running");
    let pulse = Pulse::start(site.port());
    std::thread::scope(|scope| {
        let ask = || site.post("/workers/restart/w?wait=1").status;
        let all: Vec<_> = (0..50).map(|_| scope.spawn(ask)).collect();
        for one in all {
            assert_eq!(one.join().unwrap(), 200);
        }
    });
    pulse.was_steady();
    let starts = site.read("starts").lines().count();
    assert!(starts <= 3, "{starts} starts");
    assert_eq!(site.processes().len(), 1);
}

#[test]
fn d6_one_that_cannot_be_stopped_holds_no_other_up() {
    let mut site = Site::new();
    site.set("stop.timeout", "'5s'");
    site.sh("deaf", "trap '' TERM; while :; do sleep 1; done");
    for n in 0..9 {
        site.sh(&format!("w{n}"), "exec sleep 300");
    }
    site.start();
    site.wait("deaf", "running");
    for n in 0..9 {
        site.wait(&format!("w{n}"), "running");
    }
    let start = Instant::now();
    assert_eq!(site.post("/workers/restart-all").status, 200);
    for n in 0..9 {
        until("it runs anew", || (site.worker(&format!("w{n}"))["starts"] == 2).then_some(()));
    }
    assert!(start.elapsed() < Duration::from_secs(4) + SLACK, "{:?}", start.elapsed());
    assert_eq!(site.worker("deaf")["state"], "stopping");
}

#[test]
fn d7_the_wall_clock_may_jump() {
    if procs::lacks(&["root", "unshare", "faketime"]) {
        return;
    }
    let mut site = Site::new();
    site.write("clock", "+0d\n");
    let clock = site.path("clock").display().to_string();
    let library = Command::new("sh")
        .args(["-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1 | head -n 1"])
        .output()
        .unwrap();
    let library = String::from_utf8(library.stdout).unwrap().trim().to_owned();
    site.env("LD_PRELOAD", &library).env("FAKETIME_TIMESTAMP_FILE", &clock);
    site.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("FAKETIME_NO_CACHE", "1");
    site.set("restart.delay", "'1h'").sh("calm", "exec sleep 300").sh("waits", "exit 1");
    site.start();
    let calm = site.wait("calm", "running");
    site.wait("waits", "backoff");
    for jump in ["+1d\n", "-1d\n", "+400d\n"] {
        site.write("clock", jump);
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(site.worker("calm")["pid"], calm["pid"], "{jump}");
        assert_eq!(site.worker("waits")["state"], "backoff", "{jump}");
        let uptime = site.worker("calm")["uptimeSeconds"].as_f64().unwrap();
        assert!((0.0..60.0).contains(&uptime), "{jump}: {uptime}");
    }
}

#[test]
fn d8_after_a_pause_of_the_machine_nothing_bursts() {
    let mut site = Site::new();
    site.set("restart.policy", "'always'").set("restart.delay", "'200ms'");
    site.set("restart.backoff", "'fixed'");
    site.sh("w", "echo start >> starts; exit 0");
    site.start();
    until("it has run", || (site.read("starts").lines().count() > 2).then_some(()));
    site.signal("STOP");
    std::thread::sleep(Duration::from_secs(3));
    let before = site.read("starts").lines().count();
    site.signal("CONT");
    std::thread::sleep(Duration::from_secs(1));
    let since = site.read("starts").lines().count() - before;
    assert!((1..=6).contains(&since), "{since} starts in a second, one is due each 200 ms");
}

#[test]
fn d9_an_exit_with_0_is_not_a_failure() {
    let mut site = Site::new();
    site.table("[workers.always]\nrestart = { policy = 'always' }");
    site.sh("done", "exit 0").sh("always", "exit 0");
    site.start();
    let done = site.wait("done", "completed");
    assert_eq!((done["attempts"].as_u64(), done["starts"].as_u64()), (Some(0), Some(1)));
    until("it runs again and again", || {
        let always = site.worker("always");
        assert_eq!(always["attempts"], 0);
        (always["starts"].as_u64() > Some(5)).then_some(())
    });
}

#[test]
fn d10_a_long_run_earns_a_fresh_budget() {
    let mut site = Site::new();
    site.set("restart.max_attempts", "2").set("restart.reset_after", "'300ms'");
    site.set("restart.delay", "'50ms'").set("restart.backoff", "'fixed'");
    site.sh("w", "sleep 0.5; exit 1");
    site.start();
    until("it has outlived its attempts", || {
        let worker = site.json("/workers/w");
        assert_ne!(worker["state"], "failed", "{worker}");
        (worker["starts"].as_u64() > Some(5)).then_some(())
    });
}
