//! 1B: what workers write, and what becomes of it when the disk fails.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    http::Pulse,
    procs,
    site::{SLACK, Site, until},
};

/// MiB that arcanos may hold while it is flooded: the promise for the built program, with room
/// for one that is not optimised.
const FLAT: u64 = 100;

/// Starts a site whose worker `w` logs to a disk that strace makes bad in this way.
fn start_with_bad_disk(site: &mut Site, fault: &str) {
    let log = site.path("memory/logs/w.log").display().to_string();
    let inject = format!("inject=write,writev:{fault}");
    let words = ["strace", "-D", "-f", "-o", "/dev/null", "-P", &log, "-e", &inject];
    site.through(&words).start();
    site.wait("w", "running");
}

#[test]
fn b1_a_flood_leaves_memory_flat_and_the_others_alone() {
    let mut site = Site::new();
    site.sh("flood", "exec yes 'a line of a flood that never ends, and then some more of it'");
    site.sh("calm", "while :; do echo calm; sleep 0.1; done");
    site.start();
    site.wait("flood", "running");
    let pulse = Pulse::start(site.port());
    let mut most = 0;
    let end = Instant::now() + Duration::from_secs(5);
    let before = site.log("calm").lines().count();
    while Instant::now() < end {
        most = most.max(procs::rss(site.pid()));
        std::thread::sleep(Duration::from_millis(50));
    }
    pulse.was_steady();
    assert!(most < FLAT, "{most} MiB");
    let since = site.log("calm").lines().count() - before;
    assert!(since >= 20, "{since} lines of the calm one in five seconds");
    let log = &site.worker("flood")["log"];
    assert!(log["bytes"].as_u64().unwrap() > 1 << 20, "{log}");
    // Ten megabytes in each of six files, at most.
    let files = fs::read_dir(site.path("memory/logs")).unwrap();
    // One may be rotated away between its being listed and its being looked at.
    let kept: u64 = files.filter_map(|file| file.unwrap().metadata().ok()).map(|m| m.len()).sum();
    assert!(kept < 80_000_000, "{kept}");
    let (status, took) = site.stop();
    assert!(status.success() && took < Duration::from_secs(3) + SLACK, "{took:?}");
}

#[test]
fn b2_a_slow_disk_holds_up_neither_arcanos_nor_a_worker_for_long() {
    if procs::lacks(&["root", "strace"]) {
        return;
    }
    let mut site = Site::new();
    site.sh("w", "while :; do echo line; echo beat >> beats; sleep 0.02; done");
    start_with_bad_disk(&mut site, "delay_enter=1500000");
    let pulse = Pulse::start(site.port());
    let before = site.read("beats").lines().count();
    std::thread::sleep(Duration::from_secs(4));
    let beats = site.read("beats").lines().count() - before;
    assert!(beats > 20, "{beats} beats in four seconds");
    pulse.was_steady();
    let (status, _) = site.stop();
    assert!(status.success());
}

#[test]
fn b3_a_line_without_end_is_cut_and_held_nowhere() {
    let mut site = Site::new();
    site.set("log.max_size", "'1GB'");
    site.sh("w", "head -c 150000000 /dev/zero | tr '\\0' x; echo; echo end; exec sleep 300");
    site.start();
    let mut most = 0;
    until("all of it is logged", || {
        most = most.max(procs::rss(site.pid()));
        let length = site.path("memory/logs/w.log").metadata().map_or(0, |m| m.len());
        (length == 150_000_005).then_some(())
    });
    assert!(most < FLAT, "{most} MiB");
    let logs = site.json("/workers/logs/w?stream=stdout&lines=5000");
    let logs = logs["logs"].as_array().unwrap();
    let longest = logs.iter().map(|line| line.as_str().unwrap().len()).max().unwrap();
    assert!(longest <= 16 * 1024 + 200, "{longest}");
    assert!(logs.last().unwrap().as_str().unwrap().ends_with("end"));
}

#[test]
fn b4_b5_bytes_are_kept_raw_and_shown_as_text() {
    let mut site = Site::new();
    site.sh(
        "w",
        r"printf '\210\377\n'; printf '\360\237'; sleep 0.2; printf '\230\200\n';
          printf 'a\000b\rc\033[2Jd\r\n'; exec sleep 300",
    );
    site.start();
    site.wait("w", "running");
    let raw = b"\x88\xff\n\xf0\x9f\x98\x80\na\0b\rc\x1b[2Jd\r\n";
    until("the bytes are kept", || {
        (fs::read(site.path("memory/logs/w.log")).unwrap_or_default() == raw).then_some(())
    });
    let logs = site.json("/workers/logs/w?stream=stdout");
    let text = logs["logs"].to_string();
    assert!(text.contains('\u{fffd}') && text.contains('\u{1f600}'), "{text}");
    let session = site.session();
    assert!(!session.contains(|c: char| c.is_control() && c != '\n'), "{session:?}");
}

#[test]
fn b6_each_line_is_there_once_however_it_was_cut() {
    let mut site = Site::new();
    site.js(
        "w",
        "const fs = require('fs'); let all = ''; \
         for (let i = 0; i < 2000; i++) all += i + ' ' + 'y'.repeat(i % 300) + '\\n'; \
         for (let i = 0, n = 1; i < all.length; i += n, n = (n * 7) % 8191 + 1) \
         fs.writeSync(1, all.slice(i, i + n)); process.exit(0)",
    );
    site.set("log.max_size", "'100MB'");
    site.start();
    site.wait("w", "completed");
    until("all is logged", || (site.log("w").lines().count() == 2000).then_some(()));
    // The session log has its own pace.
    let last = format!("] [w] 1999 {}\n", "y".repeat(1999 % 300));
    until("the session has it too", || site.session().contains(&last).then_some(()));
    let session = site.session();
    let shown = session.lines().filter(|line| line.contains("] [w] ") && line.contains(" y"));
    let numbers: Vec<usize> = shown
        .filter_map(|line| line.split("] [w] ").nth(1)?.split(' ').next()?.parse().ok())
        .collect();
    let expected: Vec<usize> = (0..2000).filter(|i| i % 300 != 0).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn b7_node_has_room_for_what_it_writes_last() {
    let mut site = Site::new();
    site.js("w", "process.stdout.write('z'.repeat(1 << 20)); process.exit(0)");
    site.start();
    site.wait("w", "completed");
    until("all is logged", || (site.log("w").len() >= 1 << 20).then_some(()));
}

#[test]
fn b8_a_full_disk_costs_lines_and_nothing_else() {
    if procs::lacks(&["root", "mount"]) {
        return;
    }
    let mut site = Site::new();
    site.mount_tmpfs("memory", "size=256k");
    site.sh("w", "while :; do echo 'one more line to fill the disk'; echo x >> beats; done");
    site.start();
    site.wait("w", "running");
    until("it is a problem", || {
        site.json("/health")["problems"].to_string().contains("space").then_some(())
    });
    let pulse = Pulse::start(site.port());
    let warnings = || site.stderr().matches("space").count();
    let (before, beats) = (warnings(), site.read("beats").len());
    std::thread::sleep(Duration::from_secs(2));
    assert!(warnings() <= before + 2, "one warning, not one a line");
    assert!(site.read("beats").len() > beats + 20, "the worker goes on");
    assert!(site.worker("w")["log"]["dropped"].as_u64().unwrap() > 0);
    pulse.was_steady();
    let mut remount = Command::new("mount");
    remount.args(["-o", "remount,size=64m"]).arg(site.path("memory"));
    assert!(remount.status().unwrap().success());
    until("it is mended by itself", || (site.json("/health")["status"] == "OK").then_some(()));
    let length = site.path("memory/logs/w.log").metadata().unwrap().len();
    until("it is written again", || {
        (site.path("memory/logs/w.log").metadata().unwrap().len() != length).then_some(())
    });
    until("it is said", || {
        (site.session().contains("lost") || site.stderr().contains("lost")).then_some(())
    });
}

#[test]
fn b8_a_disk_that_turns_read_only_is_survived() {
    if procs::lacks(&["root", "mount"]) {
        return;
    }
    let mut site = Site::new();
    site.mount_tmpfs("memory", "size=4m");
    site.sh("w", "echo first; n=0; while :; do [ -e talk ] && echo $((n+=1)); sleep 0.02; done");
    site.start();
    site.wait("w", "running");
    until("it is logged", || (site.log("w") == "first\n").then_some(()));
    let remount = |mode: &str| {
        let mut command = Command::new("mount");
        command.args(["-o", &format!("remount,{mode}")]).arg(site.path("memory"));
        command.output().unwrap().status.success()
    };
    // The kernel refuses as long as a file is open for writing; idle logs are closed.
    until("the disk turns read-only", || remount("ro").then_some(()));
    site.write("talk", "");
    until("it is a problem", || {
        site.json("/health")["problems"].to_string().contains("w.log").then_some(())
    });
    let pulse = Pulse::start(site.port());
    std::thread::sleep(Duration::from_secs(1));
    pulse.was_steady();
    let worker = site.worker("w");
    assert_eq!((&worker["state"], worker["starts"].as_u64()), (&"running".into(), Some(1)));
    assert_eq!(site.log("w"), "first\n");
    let written = worker["log"]["lines"].as_u64().unwrap() as usize;
    assert!(remount("rw"));
    until("it is logged again", || (site.log("w").lines().count() > written).then_some(()));
    until("all is well", || (site.json("/health")["status"] == "OK").then_some(()));
    site.await_text("memory/session.log", "can be written again, 0 bytes were lost");
    // So little is kept until it can be written.
    let log = site.log("w");
    let numbers: Vec<usize> = log.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len()), "{numbers:?}");
}

#[test]
fn b8_a_disk_that_fails_for_a_while_is_survived() {
    if procs::lacks(&["root", "strace"]) {
        return;
    }
    let mut site = Site::new();
    site.sh("w", "while :; do echo line; sleep 0.02; done");
    start_with_bad_disk(&mut site, "error=EIO:when=2..20");
    until("it is logged after all", || (site.log("w").lines().count() > 20).then_some(()));
    assert_eq!(site.worker("w")["starts"], 1);
    assert!(site.log("w").lines().all(|line| line == "line"), "no line is half written");
}

#[test]
fn b9_a_log_that_is_moved_removed_cut_or_replaced_is_reopened() {
    let mut site = Site::new();
    site.sh("w", "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done");
    site.start();
    site.wait("w", "running");
    let log = site.path("memory/logs/w.log");
    for change in ["mv $1 $1.old", "rm $1", ": > $1", "rm $1; mkfifo $1"] {
        until("it is written", || log.metadata().is_ok_and(|m| m.len() > 0).then_some(()));
        Command::new("sh").args(["-c", change, "sh"]).arg(&log).status().unwrap();
        let pulse = Pulse::start(site.port());
        std::thread::sleep(Duration::from_millis(1500));
        pulse.was_steady();
        if change.contains("mkfifo") {
            fs::remove_file(&log).unwrap();
            std::thread::sleep(Duration::from_millis(1500));
        }
        let metadata = log.metadata().unwrap_or_else(|error| panic!("{change}: {error}"));
        assert!(metadata.is_file() && metadata.size() > 0, "{change}");
    }
    assert_eq!(site.worker("w")["starts"], 1);
}

#[test]
fn b10_logs_survive_restarts_and_instances() {
    let mut site = Site::new();
    site.sh("w", "echo run >> runs; echo run $(wc -l < runs); exec sleep 300");
    site.start();
    site.wait("w", "running");
    site.post("/workers/restart/w?wait=1");
    site.stop();
    site.start();
    site.wait("w", "running");
    until("all three are there", || (site.log("w") == "run 1\nrun 2\nrun 3\n").then_some(()));
    assert!(site.session().lines().count() > 6);
}

#[test]
fn b11_reading_a_long_log_costs_what_is_read() {
    let mut site = Site::new();
    fs::create_dir_all(site.path("memory/logs")).unwrap();
    // Sparse, so that it is long without filling the disk.
    let file = fs::File::create(site.path("memory/logs/w.log")).unwrap();
    file.set_len(2 << 30).unwrap();
    drop(file);
    let file = fs::File::create(site.path("memory/session.log")).unwrap();
    file.set_len(2 << 30).unwrap();
    drop(file);
    site.set("log.max_size", "'8GB'");
    site.sh("w", "echo last; exec sleep 300");
    site.start();
    site.wait("w", "running");
    until("its line is read", || {
        let start = Instant::now();
        let answer = site.get("/workers/logs/w?lines=10");
        assert!(start.elapsed() < Duration::from_secs(2) + SLACK, "{:?}", start.elapsed());
        answer.body.contains("last").then_some(())
    });
    assert!(procs::rss(site.pid()) < FLAT, "{} MiB", procs::rss(site.pid()));
}
