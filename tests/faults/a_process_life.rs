//! 1A: processes begin, end, hide and linger.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    procs,
    site::{A_SECOND, Site, until},
};

/// Starts a process that outlives its parents, in a session of its own, without an environment.
const DAEMON: &str = "env -i setsid sh -c 'setsid sleep 300 & exec sleep 300' &\n";

#[test]
fn a1_grandchildren_die_with_the_run() {
    let mut site = Site::new();
    site.set("restart.max_attempts", "0");
    site.sh("crash", "sleep 300 & sleep 0.2; exit 1");
    site.sh("ended", "sleep 300 & sleep 300");
    site.start();
    site.wait("crash", "failed");
    site.wait("ended", "running");
    assert_eq!(site.post("/workers/stop/ended").status, 200);
    site.wait("ended", "stopped");
    site.is_empty();
}

#[test]
fn a1_a_restart_never_runs_beside_the_old_tree() {
    let mut site = Site::new();
    // The lock passes to the daemon: who cannot have it meets the tree of an earlier run.
    site.sh(
        "one",
        "exec 9>>lock; flock -n 9 && echo alone >> starts || echo beside >> starts\n\
         setsid sleep 300 & sleep 300",
    );
    site.start();
    site.wait("one", "running");
    for _ in 0..5 {
        assert_eq!(site.post("/workers/stop/one").status, 200);
        assert_eq!(site.post("/workers/start/one?wait=1").status, 200);
    }
    site.stop();
    assert_eq!(site.read("starts"), "alone\n".repeat(6));
    site.await_silence();
}

#[test]
fn a2_daemons_that_left_group_and_environment_are_ended() {
    let mut site = Site::new();
    site.set("restart.max_attempts", "0");
    site.sh("gone", &format!("{DAEMON}sleep 0.3; exit 1"));
    site.sh("held", &format!("{DAEMON}exec sleep 300"));
    site.start();
    site.wait("gone", "failed");
    site.wait("held", "running");
    until("its daemons run", || (site.processes().len() == 3).then_some(()));
    site.post("/workers/stop/held");
    site.wait("held", "stopped");
    site.is_empty();
}

#[test]
fn a3_no_zombie_stays() {
    let mut site = Site::new();
    site.set("restart.delay", "'20ms'").set("restart.backoff", "'fixed'");
    site.set("restart.max_attempts", "20");
    for n in 0..10 {
        // Each leaves an orphan that dies a little later by itself.
        site.sh(&format!("w{n}"), "setsid sh -c 'sleep 0.05' & exit 1");
    }
    site.start();
    for n in 0..10 {
        site.wait(&format!("w{n}"), "failed");
    }
    std::thread::sleep(Duration::from_secs(1));
    assert!(procs::zombies_of(site.pid()).is_empty());
}

#[test]
fn a4_a_reused_pid_is_not_signalled() {
    if procs::lacks(&["root", "unshare", "nsenter"]) {
        return;
    }
    let mut site = Site::new();
    site.set("restart.delay", "'1h'");
    site.sh("w", "[ -e crash ] && exit 1; touch crash; exec sleep 300");
    site.through(&["unshare", "-p", "-f", "--mount-proc", "--kill-child", "--"]);
    site.start();
    let pid = site.wait("w", "running")["pid"].as_u64().unwrap();
    let inside = fs::read_to_string(format!("/proc/{0}/task/{0}/children", site.pid())).unwrap();
    let inside = inside.trim().to_owned();
    let enter = |script: &str| {
        let words = ["-t", &inside, "-p", "-m", "--", "sh", "-c", script];
        Command::new("nsenter").args(words).current_dir(site.folder()).output().unwrap()
    };
    enter(&format!("kill -9 {pid}"));
    site.wait("w", "backoff");
    let script = format!(
        "for i in 1 2 3 4 5 6 7 8; do echo {} > /proc/sys/kernel/ns_last_pid; \
         setsid sleep 299 >/dev/null 2>&1 & [ $! = {pid} ] && echo same && exit; done",
        pid - 1
    );
    let output = enter(&script);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.trim(), "same", "the stranger has the id of the run: {output:?}");
    site.post("/workers/stop/w");
    site.wait("w", "stopped");
    site.post("/workers/start/w?wait=1");
    site.post("/workers/stop/w?wait=1");
    let alive = enter(&format!("tr '\\0' ' ' < /proc/{pid}/cmdline"));
    assert_eq!(String::from_utf8_lossy(&alive.stdout).trim(), "sleep 299");
}

#[test]
fn a5_a_worker_that_ignores_sigterm_dies_within_its_grace() {
    let mut site = Site::new();
    site.set("stop.timeout", "'500ms'");
    site.sh("deaf", "trap '' TERM; while :; do sleep 1; done");
    site.start();
    site.wait("deaf", "running");
    let start = Instant::now();
    site.post("/workers/stop/deaf?wait=1");
    assert!(start.elapsed() < Duration::from_millis(500) + A_SECOND, "{:?}", start.elapsed());
    let exit = site.wait("deaf", "stopped")["lastExit"].clone();
    assert!(exit["signal"].to_string().contains("KILL"), "{exit}");
    site.is_empty();
}

#[test]
fn a6_a_stopped_worker_is_shown_and_still_obeys() {
    let mut site = Site::new();
    site.sh("frozen", "trap 'echo heard; exit 0' TERM; while :; do sleep 0.05; done");
    site.start();
    let pid = site.wait("frozen", "running")["pid"].as_u64().unwrap() as u32;
    procs::signal(pid, "STOP");
    until("it is stopped", || (procs::state(pid) == Some('T')).then_some(()));
    let warnings = site.worker("frozen")["warnings"].to_string();
    assert!(warnings.contains("stopped by a signal"), "{warnings}");
    let listed = site.json("/workers")["workers"][0]["warnings"].to_string();
    assert!(listed.contains("stopped by a signal"), "{listed}");
    assert_eq!(site.post("/workers/restart/frozen?wait=1").status, 200);
    // SIGCONT came with SIGTERM.
    site.await_text("memory/logs/frozen.log", "heard");
    let warnings = site.worker("frozen")["warnings"].to_string();
    assert!(!warnings.contains("stopped by a signal"), "{warnings}");
}

#[test]
fn a7_an_open_pipe_after_the_exit_delays_nothing() {
    let mut site = Site::new();
    site.set("restart.max_attempts", "1");
    site.sh("w", "[ -e stay ] && exec sleep 300; setsid sleep 300 & echo tail; exit 3");
    site.sh("held", "echo $$; until [ -e end ]; do sleep 0.02; done; echo tail; exit 3");
    site.start();
    let exit = site.wait("w", "failed")["lastExit"].clone();
    assert_eq!(exit["code"], 3);
    until("the tail is kept", || site.log("w").contains("tail").then_some(()));
    // The pipes stay open, with us, whatever is killed.
    let pid = site.wait("held", "running")["pid"].as_u64().unwrap();
    let pipes =
        [1, 2].map(|fd| fs::File::options().write(true).open(format!("/proc/{pid}/fd/{fd}")));
    site.write("end", "");
    until("it has exited, and runs again", || (site.worker("held")["starts"] == 2).then_some(()));
    assert!(pipes.iter().all(Result::is_ok));
    until("the tail is kept", || site.log("held").contains("tail").then_some(()));
}

#[test]
fn a8_closed_pipes_are_no_busy_loop() {
    let mut site = Site::new();
    site.sh("w", "exec >&- 2>&-; exec sleep 300");
    site.js("n", "require('fs').closeSync(1); process.disconnect(); setInterval(() => {}, 1e6)");
    site.start();
    site.wait("w", "running");
    site.wait("n", "running");
    std::thread::sleep(Duration::from_millis(300));
    let before = procs::cpu(site.pid());
    std::thread::sleep(Duration::from_secs(1));
    let used = procs::cpu(site.pid()) - before;
    assert!(used <= Duration::from_millis(50), "{used:?}");
    assert_eq!(site.worker("w")["state"], "running");
    assert_eq!(site.worker("n")["state"], "running");
}

#[test]
fn a9_last_words_are_kept() {
    let mut site = Site::new();
    site.sh("bye", "trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done");
    site.sh("open", "printf 'no newline'; exit 0");
    site.start();
    site.wait("bye", "running");
    site.wait("open", "completed");
    site.post("/workers/stop/bye?wait=1");
    until("both are in the logs", || {
        (site.log("bye").contains("bye") && site.log("open").contains("no newline")).then_some(())
    });
    site.await_text("memory/session.log", "no newline");
}

#[test]
fn a10_code_and_signal_are_apart() {
    let mut site = Site::new();
    site.set("restart.policy", "'never'");
    site.sh("segv", "kill -SEGV $$");
    site.sh("seven", "exit 7");
    site.start();
    let segv = site.wait("segv", "failed")["lastExit"].clone();
    let seven = site.wait("seven", "failed")["lastExit"].clone();
    assert!(segv["code"].is_null() && segv["signal"].to_string().contains("SEGV"), "{segv}");
    assert!(seven["signal"].is_null() && seven["code"] == 7, "{seven}");
}

#[test]
fn a11_no_exit_is_lost_however_early() {
    let mut site = Site::new();
    for n in 0..150 {
        site.sh(&format!("w{n}"), "exit 0");
    }
    site.start();
    until("all have completed", || {
        let health = site.json("/health");
        (health["workers"]["completed"] == 150).then_some(())
    });
    site.is_empty();
}

#[test]
fn a12_a_program_that_cannot_run_is_named_and_no_crash() {
    let mut site = Site::new();
    site.table("[workers.gone]\ncommand = ['/no/such/node', '{file}']");
    site.table("[workers.plain]\ncommand = ['./plain', '{file}']");
    site.table("[workers.junk]\ncommand = ['./junk', '{file}']");
    site.write("plain", "exit 0").write("junk", "\u{1}\u{2}");
    Command::new("chmod").arg("755").arg(site.path("junk")).status().unwrap();
    for id in ["gone", "plain", "junk"] {
        site.sh(id, "exit 0");
    }
    site.start();
    for (id, path, why) in [
        ("gone", "/no/such/node", "cannot find the program"),
        ("plain", "plain", "Permission denied"),
        ("junk", "junk", "neither a program nor a script"),
    ] {
        let worker = site.wait(id, "failed");
        let reason = worker["lastExit"]["reason"].to_string();
        assert!(
            reason.contains(path) && reason.to_lowercase().contains(&why.to_lowercase()),
            "{reason}"
        );
        assert_eq!(worker["starts"], 0, "{worker}");
        assert_eq!(worker["attempts"], 0, "{worker}");
    }
}
