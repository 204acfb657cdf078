//! 1E: what happens to arcanos itself.

use std::{
    io::Read,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    e_shutdown::DEAF,
    group::Group,
    http::Pulse,
    procs,
    site::{SLACK, Site, until},
    support::site::ARCANOS,
};

#[test]
fn e2_no_run_outlives_a_killed_arcanos_by_two_seconds() {
    let mut site = Site::new();
    for n in 0..10 {
        site.sh(&format!("w{n}"), "exec sleep 300");
    }
    site.start();
    for n in 0..10 {
        site.wait(&format!("w{n}"), "running");
    }
    assert_eq!(site.processes().len(), 10);
    // A thread that spawned and was then let go for being idle would have taken its children along.
    std::thread::sleep(Duration::from_secs(11));
    assert_eq!(site.processes().len(), 10);
    let start = Instant::now();
    site.kill();
    site.await_silence();
    assert!(start.elapsed() < Duration::from_secs(2) + SLACK, "{:?}", start.elapsed());
}

#[test]
fn e3_the_next_start_ends_what_a_dead_one_left_before_it_starts_anything() {
    let mut site = Site::new();
    // One escapes group and environment; a copy beside the old tree would not have the lock.
    site.sh(
        "w",
        "exec 9>>lock; flock -n 9 && echo alone >> starts || echo beside >> starts\n\
         sleep 300 &\n env -i setsid sh -c 'setsid sleep 300 & exec sleep 300' &\n exec sleep 300",
    );
    site.start();
    site.wait("w", "running");
    until("its daemons run", || (site.processes().len() == 4).then_some(()));
    site.kill();
    until("the leader is dead", || (site.processes().len() == 3).then_some(()));
    let left = site.processes();
    site.start();
    site.wait("w", "running");
    assert_eq!(site.read("starts"), "alone\nalone\n");
    assert!(!left.iter().any(|pid| procs::is_alive(*pid)), "{left:?}");
    site.await_text("stderr", "Ended 3 processes");
    site.stop();
    site.is_empty();
}

#[test]
fn e4_of_twenty_started_at_once_one_lives_and_the_others_name_it() {
    let mut site = Site::new();
    site.sh("w", "echo start >> starts; exec sleep 300");
    site.write_config();
    let start = || site.command(&["run"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut all: Vec<_> = (0..20).map(|_| start().unwrap()).collect();
    let mut refused = Vec::new();
    until("nineteen have given up", || {
        let mut index = 0;
        while index < all.len() {
            match all[index].try_wait().unwrap() {
                Some(status) => refused.push((all.remove(index), status)),
                None => index += 1,
            }
        }
        (all.len() <= 1).then_some(())
    });
    assert_eq!(all.len(), 1, "one lives");
    let pid = all[0].id().to_string();
    site.adopt(all.remove(0));
    for (mut child, status) in refused {
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(status.code(), Some(3), "{said}");
        assert!(said.contains(&pid), "{said}");
    }
    site.await_health();
    site.wait("w", "running");
    assert_eq!(site.read("starts"), "start\n");
}

#[test]
fn e5_hangup_reloads_and_does_not_disturb_a_shutdown() {
    let mut site = Site::new();
    site.set("stop.timeout", "'1s'").set("discovery.scan_interval", "'1h'");
    site.sh("deaf", DEAF);
    site.start();
    site.wait("deaf", "running");
    for _ in 0..20 {
        site.signal("HUP");
    }
    until("the log is reopened", || {
        let _ = std::fs::remove_file(site.path("memory/session.log"));
        site.signal("HUP");
        site.sh("late", "exit 0");
        (site.worker("late")["state"] == "completed").then_some(())
    });
    site.signal("TERM");
    for _ in 0..20 {
        procs::try_signal(site.pid(), "HUP");
    }
    assert_eq!(site.ended().code(), Some(0));
    site.is_empty();
}

#[test]
fn e6_closed_stdout_and_stderr_and_sigpipe_are_harmless() {
    let mut site = Site::new();
    site.sh("w", "echo hello; exec sleep 300");
    site.write_config();
    let words = ["-c", "exec \"$0\" run >&- 2>&- <&-", ARCANOS];
    let mut command = Command::new("sh");
    site.adopt(command.args(words).current_dir(site.folder()).spawn().unwrap());
    site.await_health();
    site.wait("w", "running");
    until("its log is written", || (site.log("w") == "hello\n").then_some(()));
    site.signal("PIPE");
    assert_eq!(site.post("/workers/restart/w?wait=1").status, 200);
    assert_eq!(site.stop().0.code(), Some(0));
    // Whoever reads what the commands print may leave early.
    let script = "set -o pipefail; \"$0\" schema | head -c 10 > head; \"$0\" check >&-; \
                  \"$0\" schema 2>&1 >/dev/full";
    let mut command = Command::new("bash");
    let said = command.args(["-c", script, ARCANOS]).current_dir(site.folder()).output().unwrap();
    let said =
        String::from_utf8_lossy(&said.stderr).into_owned() + &String::from_utf8_lossy(&said.stdout);
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn e6_stderr_that_breaks_while_it_runs_is_harmless() {
    let mut site = Site::new();
    site.sh("w", "exec sleep 300");
    site.write_config();
    let mut child = site.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    drop(child.as_mut().unwrap().stderr.take());
    site.adopt(child.unwrap());
    site.await_health();
    site.wait("w", "running");
    for _ in 0..3 {
        site.post("/workers/stop/w?wait=1");
        assert_eq!(site.post("/workers/start/w?wait=1").status, 200);
    }
    assert_eq!(site.stop().0.code(), Some(0));
}

#[test]
fn e7_after_ctrl_z_and_fg_nothing_is_overdue() {
    let mut site = Site::new();
    site.set("restart.delay", "'300ms'").set("restart.backoff", "'fixed'");
    site.set("restart.max_attempts", "1000");
    site.sh("calm", "exec sleep 300");
    site.sh("crash", "echo start >> starts; exit 1");
    site.start();
    let calm = site.wait("calm", "running");
    let starts = || site.read("starts").lines().count() as u128;
    until("it crashes and crashes", || (starts() > 2).then_some(()));
    site.signal("TSTP");
    until("it is stopped", || (procs::state(site.pid()) == Some('T')).then_some(()));
    let before = starts();
    std::thread::sleep(Duration::from_secs(3));
    assert!(starts() <= before + 1, "nothing is started by one that is stopped");
    let (before, resumed) = (starts(), Instant::now());
    site.signal("CONT");
    until("it goes on", || (starts() >= before + 3).then_some(()));
    // One may be due at once, another may be on its way; ten would be, had time not stood still.
    let since = starts() - before;
    let due = resumed.elapsed().as_millis() / 300;
    assert!(since <= due + 2, "{since} starts, {due} were due");
    assert_eq!(site.worker("calm")["pid"], calm["pid"]);
    assert_eq!(site.stop().0.code(), Some(0));
}

#[test]
fn e8_workers_are_killed_for_memory_before_arcanos() {
    let mut site = Site::new();
    site.sh("w", "cat /proc/self/oom_score_adj > score; exec sleep 300");
    site.start();
    site.wait("w", "running");
    let own = std::fs::read_to_string(format!("/proc/{}/oom_score_adj", site.pid())).unwrap();
    let own: i32 = own.trim().parse().unwrap();
    let score: i32 = site.read("score").trim().parse().unwrap();
    assert!(score >= (own + 500).min(1000), "{score} beside {own}");
}

#[test]
fn e8_without_memory_the_greedy_worker_dies_and_arcanos_says_so() {
    let Some(group) = Group::new("memory", "e8") else {
        return;
    };
    let mut site = Site::new();
    site.set("restart.policy", "'never'");
    site.sh("calm", "exec sleep 300");
    // One line without an end, which `tail` keeps as long as it may be the last one.
    site.sh("greedy", "until [ -e go ]; do sleep 0.05; done; exec tail /dev/zero");
    site.start();
    let calm = site.wait("calm", "running");
    let greedy = site.wait("greedy", "running");
    for pid in [calm["pid"].as_u64(), greedy["pid"].as_u64(), Some(site.pid().into())] {
        group.add(pid.unwrap());
    }
    group.set("memory.limit_in_bytes", "134217728");
    let pulse = Pulse::start(site.port());
    site.write("go", "");
    let exit = site.wait("greedy", "failed")["lastExit"].clone();
    assert!(exit["signal"] == "SIGKILL" && exit["code"].is_null(), "{exit}");
    assert!(exit["reason"].to_string().contains("out of memory"), "{exit}");
    pulse.was_steady();
    assert_eq!(site.worker("calm")["pid"], calm["pid"]);
    assert_eq!(site.stop().0.code(), Some(0));
}

#[test]
fn e9_a_panic_in_the_task_of_a_worker_leaves_nothing_half_alive() {
    if !cfg!(debug_assertions) {
        procs::leave_out("an optimised arcanos has no failpoints");
        return;
    }
    let mut site = Site::new();
    // Nothing on the disk changes, and no interval comes to the rescue.
    site.env("ARCANOS_FAILPOINT", "worker:w").set("discovery.scan_interval", "'1h'");
    site.set("discovery.watch", "'poll'");
    site.sh("w", "exec 9>>lock; flock -n 9 || echo beside >> beside; exec sleep 300");
    site.sh("other", "exec sleep 300");
    site.start();
    let before = site.wait("w", "running");
    let other = site.wait("other", "running");
    assert_ne!(site.post("/workers/restart/w").status, 200);
    until("it runs anew", || {
        let answer = site.get("/workers/w");
        let is_new = answer.status == 200 && answer.json()["pid"] != before["pid"];
        (is_new && answer.json()["state"] == "running").then_some(())
    });
    assert!(!site.path("beside").exists(), "never beside the old one");
    assert_eq!(site.worker("other")["pid"], other["pid"]);
    site.await_text("stderr", "failpoint worker:w");
    assert_eq!(site.stop().0.code(), Some(0));
    site.is_empty();
}

#[test]
fn e9_a_panic_in_the_task_of_a_run_is_a_death_of_the_run() {
    if !cfg!(debug_assertions) {
        procs::leave_out("an optimised arcanos has no failpoints");
        return;
    }
    let mut site = Site::new();
    site.env("ARCANOS_FAILPOINT", "run:w").set("restart.max_attempts", "1");
    site.js("w", "process.send('anything'); setInterval(() => {}, 1e6)");
    site.start();
    let worker = site.wait("w", "failed");
    assert_eq!(worker["starts"], 2, "{worker}");
    assert!(worker["reason"].to_string().contains("internal error in arcanos"), "{worker}");
    site.is_empty();
    assert_eq!(site.stop().0.code(), Some(0));
}
