//! 1F: a machine that has nothing left to give.

use std::{fs, net::TcpStream, process::Command, time::Duration};

use crate::{
    group::Group,
    http::{self, Pulse},
    procs,
    site::{Site, until},
};

#[test]
fn f1_without_descriptors_the_accept_loop_does_not_spin() {
    let mut site = Site::new();
    site.through(&["prlimit", "--nofile=48:48", "--"]);
    site.sh("w", "exec sleep 300");
    site.start();
    site.wait("w", "running");
    let held: Vec<TcpStream> = (0..100).map(|_| http::connect(site.port())).collect();
    std::thread::sleep(Duration::from_secs(2));
    let before = procs::cpu(site.pid());
    std::thread::sleep(Duration::from_secs(2));
    let used = procs::cpu(site.pid()) - before;
    assert!(used < Duration::from_millis(200), "{used:?} of two seconds");
    assert!(procs::is_alive(site.worker("w")["pid"].as_u64().unwrap() as u32));
    drop(held);
    until("it recovers", || {
        http::try_get(site.port(), "/health").filter(|answer| answer.status == 200)
    });
    let warnings = site.stderr().matches("cannot be accepted").count();
    assert!(warnings <= 3, "{warnings} warnings");
}

#[test]
fn f2_without_descriptors_a_start_waits_and_spends_no_attempt() {
    let mut site = Site::new();
    site.through(&["prlimit", "--nofile=64:64", "--"]);
    for n in 0..40 {
        site.sh(&format!("w{n}"), "exec sleep 300");
    }
    site.start();
    let waiting = until("some wait", || {
        // A client may be turned away: there are no descriptors for it either.
        let reply = http::try_get(site.port(), "/workers").filter(|reply| reply.status == 200)?;
        let workers = reply.json()["workers"].clone();
        let state = |state: &str| {
            workers.as_array().unwrap().iter().filter(|w| w["state"] == state).count()
        };
        (state("running") > 2
            && state("starting") > 2
            && state("running") + state("starting") == 40)
            .then(|| workers.clone())
    });
    for worker in waiting.as_array().unwrap() {
        assert_eq!(worker["attempts"], 0, "{worker}");
    }
    let before = procs::cpu(site.pid());
    std::thread::sleep(Duration::from_secs(1));
    let used = procs::cpu(site.pid()) - before;
    assert!(used < Duration::from_millis(300), "{used:?} of a second");
    let pid = site.pid().to_string();
    let lifted = Command::new("prlimit").args(["--pid", &pid, "--nofile=4096:4096"]).status();
    if lifted.is_ok_and(|status| status.success()) {
        until("all run once there are some", || {
            (site.json("/health")["workers"]["running"] == 40).then_some(())
        });
    }
}

#[test]
fn f2_arcanos_raises_its_own_limit_and_gives_workers_the_old_one() {
    let mut site = Site::new();
    site.through(&["prlimit", "--nofile=256:2048", "--"]);
    site.sh("w", "ulimit -Sn > limit; ulimit -Hn >> limit; exec sleep 300");
    site.start();
    site.wait("w", "running");
    assert_eq!(site.read("limit"), "256\n2048\n");
    let limits = fs::read_to_string(format!("/proc/{}/limits", site.pid())).unwrap();
    let own = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(own.split_whitespace().nth(3), Some("2048"), "{own}");
}

#[test]
fn f3_without_processes_a_start_waits_and_spends_no_attempt() {
    let Some(group) = Group::new("pids", "f3") else {
        return;
    };
    let mut site = Site::new();
    for n in 0..4 {
        site.sh(&format!("w{n}"), "exec sleep 300");
    }
    site.start();
    for n in 0..4 {
        site.wait(&format!("w{n}"), "running");
    }
    group.add(site.pid());
    group.set("pids.max", group.get("pids.current").trim());
    let pid = site.worker("w0")["pid"].as_u64().unwrap() as u32;
    procs::signal(pid, "KILL");
    until("it waits for a process", || (site.worker("w0")["state"] == "starting").then_some(()));
    let pulse = Pulse::start(site.port());
    std::thread::sleep(Duration::from_secs(1));
    let worker = site.worker("w0");
    assert_eq!((worker["attempts"].as_u64(), worker["starts"].as_u64()), (Some(1), Some(1)));
    assert_eq!(worker["state"], "starting");
    pulse.was_steady();
    group.set("pids.max", "max");
    site.wait("w0", "running");
    site.stop();
}

#[test]
fn f4_without_inotify_changes_are_found_all_the_same() {
    if procs::lacks(&["unshare", "nsenter"]) {
        return;
    }
    let tried = Command::new("unshare").args(["-U", "-r", "true"]).status();
    if !tried.is_ok_and(|status| status.success()) {
        return procs::leave_out("user namespaces are not allowed here");
    }
    for (limit, value) in [("max_inotify_instances", 0), ("max_inotify_watches", 1)] {
        let mut site = Site::new();
        let script = format!("echo {value} > /proc/sys/user/{limit}; exec \"$@\"");
        site.through(&["unshare", "-U", "-r", "sh", "-c", &script, "sh"]);
        site.sh("first", "exec sleep 300");
        site.start();
        site.wait("first", "running");
        let health = site.json("/health");
        let watcher = health["discovery"]["watcher"].as_str().unwrap();
        assert!(watcher.starts_with("poll"), "{limit}: {watcher}");
        assert!(watcher.contains("inotify") && !watcher.contains("space"), "{limit}: {watcher}");
        site.sh("second", "exec sleep 300");
        until("it is found", || (site.get("/workers/second").status == 200).then_some(()));
        site.wait("second", "running");
        let lifted = Command::new("nsenter")
            .args(["-U", "--preserve-credentials", "-t", &site.pid().to_string(), "sh", "-c"])
            .arg(format!("echo 1024 > /proc/sys/user/{limit}"))
            .status();
        assert!(lifted.unwrap().success(), "{limit} is lifted");
        until("events are reported again, though nothing changed", || {
            (site.json("/health")["discovery"]["watcher"] == "native").then_some(())
        });
    }
}

#[test]
fn f5_restarts_and_requests_leave_nothing_behind() {
    let mut site = Site::new();
    site.set("restart.policy", "'always'").set("restart.delay", "'10ms'");
    site.set("restart.backoff", "'fixed'");
    for n in 0..4 {
        site.sh(&format!("w{n}"), "echo run; exit 0");
    }
    site.start();
    let starts = || {
        let workers = site.json("/workers")["workers"].clone();
        let starts = workers.as_array().unwrap().iter().map(|worker| worker["starts"].as_u64());
        starts.map(Option::unwrap).sum::<u64>()
    };
    until("it is warm", || (starts() > 300).then_some(()));
    let figures =
        || (procs::rss(site.pid()), procs::descriptors(site.pid()), procs::threads(site.pid()));
    let (memory, descriptors, threads) = figures();
    let target = starts() + 800;
    until("it has worked", || (starts() > target).then_some(()));
    let (memory_now, descriptors_now, threads_now) = figures();
    assert!(memory_now <= memory + 6, "{memory} MiB before, {memory_now} MiB after");
    assert!(descriptors_now <= descriptors + 12, "{descriptors} before, {descriptors_now} after");
    assert!(threads_now <= threads + 2, "{threads} before, {threads_now} after");
}
