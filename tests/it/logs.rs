//! What is written: the workers' own files, the session log, rotation, redaction.

use std::fs;

use crate::site::{Setup, Site};

const SECRET: &str = "sk-secret-0123456789abcdefXYZ";
const STAYS: &str = "exec sleep 86400";

/// A worker that prints with Python, which can flush where it likes.
fn prints(text: &str) -> Setup {
    let rule = "[{ name = 'py', files = ['*.py'], command = ['python3', '-u', '{file}'], ipc = false, mode = 'script' }]";
    let text = format!(
        "import os, sys, time\nout = sys.stdout.buffer\ndef say(b):\n    out.write(b); out.flush()\n{text}\n"
    );
    Setup::new().set("discovery.rules", rule).worker("a.py", &text)
}

#[test]
fn a_workers_file_holds_its_bytes_as_it_wrote_them() {
    let site = prints("say(b'\\x88\\xff\\x00 raw \\x1b[31mred\\r\\n' + b'x' * 50000 + b'\\n'); sys.stderr.write('err\\n')").start();
    site.wait_state("a", "completed");
    site.wait_text("memory/logs/a.log", "err");
    let bytes = fs::read(site.path("memory/logs/a.log")).unwrap();
    let mut expected = b"\x88\xff\x00 raw \x1b[31mred\r\n".to_vec();
    expected.extend(vec![b'x'; 50000]);
    expected.extend(b"\nerr\n");
    assert_eq!(bytes, expected);
    let session = site.wait_said("[a] err");
    assert!(
        !session.contains('\u{1b}') && !session.contains('\0'),
        "control characters are escaped"
    );
    assert!(session.lines().all(|line| line.len() < 20_000), "long lines are cut");
    let logs = site.get("/workers/logs/a?stream=stdout&lines=5000")["logs"].to_string();
    assert!(logs.contains("raw"), "{logs}");
}

#[test]
fn no_worker_can_forge_the_line_of_another() {
    let site = prints(
        "say(b'one\\r[2026-01-01T00:00:00.000Z] [b] forged\\x0b\\xc2\\x85[b] forged too\\n')",
    )
    .start();
    let log = site.wait_said("forged too");
    assert_eq!(log.lines().filter(|line| line.contains("forged")).count(), 1, "{log}");
    assert!(log.lines().all(|line| !line.contains("Z] [b] ") || line.contains("Z] [a] ")), "{log}");
}

#[test]
fn secrets_are_redacted_everywhere_however_they_are_cut() {
    let site = prints(
        "key = os.environ['OPENAI_API_KEY'].encode()\nsay(b'whole ' + key + b'\\n')\nsay(b'split ' + key[:9]); time.sleep(0.2)
say(key[9:] + b'\\n')\nsay(b'pattern sk-ABCDEFGHIJKLMNOPQRST\\n')\nsay(b'end ' + key)",
    )
    .env("OPENAI_API_KEY", SECRET)
    .start();
    site.wait_said("pattern [redacted pattern]");
    site.wait_text("memory/logs/a.log", "end [redacted OPENAI_API_KEY]");
    let log = site.wait_said("split [redacted OPENAI_API_KEY]");
    assert!(log.contains("whole [redacted OPENAI_API_KEY]"), "{log}");
    for text in [
        log,
        site.log("a"),
        site.stderr(),
        site.get("/workers/logs/a").to_string(),
        site.get("/config").to_string(),
        site.get("/workers").to_string(),
    ] {
        assert!(!text.contains(SECRET) && !text.contains("ABCDEFGHIJKLMNOPQRST"), "{text}");
    }
    assert_eq!(site.get("/config")["config"]["env"]["set"]["OPENAI_API_KEY"], "[redacted]");
}

#[test]
fn a_rotated_secret_stays_secret_while_a_run_has_it() {
    let old = "old-secret-0123456789";
    let rule = "[{ name = 'sh', files = ['*.sh'], command = ['sh', '{file}'], ipc = false, mode = 'script' }]";
    let says = "while :; do echo \"tick $MY_API_KEY\"; sleep 0.05; done";
    let mut site = Setup::new()
        .set("discovery.rules", rule)
        .set("env.set", &format!("{{ MY_API_KEY = '{old}' }}"))
        .worker("ends.sh", &format!("trap 'echo \"bye $MY_API_KEY\"; exit' TERM\n{says}\n"))
        .set("workers.stays.reload.on_change", "'manual'")
        .worker("stays.sh", &format!("{says}\n"))
        .start();
    let before = site.wait_running(&["ends", "stays"]).worker("ends");
    site.set("env.set", "{ MY_API_KEY = 'new-secret-0123456789' }");
    site.wait_replaced(&before);
    site.wait_text("memory/logs/ends.log", "bye [redacted MY_API_KEY]");
    // Until the run that is left alone has said it some more times.
    let ticks = |site: &Site| site.log("stays").matches("tick [redacted").count();
    let some = ticks(&site) + 5;
    site.wait_until("more of the old run", |site| (ticks(site) >= some).then_some(()));
    for text in [site.log("ends"), site.log("stays"), site.stderr(), site.wait_said("bye")] {
        assert!(!text.contains(old), "{text}");
    }
}

#[test]
fn logs_are_rotated_by_rename_and_so_many_are_kept() {
    let site = prints("for n in range(4000):\n    say(b'line %06d of a log that grows\\n' % n)")
        .set("log.max_size", "'16KiB'")
        .set("log.keep", "2")
        .start();
    site.wait_state("a", "completed");
    site.wait_text("memory/logs/a.log", "line 003999");
    let parts =
        ["a.log.2", "a.log.1", "a.log"].map(|name| site.read(&format!("memory/logs/{name}")));
    assert!(!site.path("memory/logs/a.log.3").exists());
    let numbers: Vec<u32> =
        parts.concat().lines().filter_map(|line| line.get(5..11)?.parse().ok()).collect();
    assert!(numbers.is_sorted_by(|a, b| a + 1 == *b), "no line is lost at a rotation");
    assert!(parts.iter().all(|part| part.len() < 40 * 1024));
}

#[test]
fn a_log_that_is_moved_or_removed_is_opened_anew() {
    let site = Setup::new()
        .worker("a.sh", "n=0; while :; do n=$((n+1)); echo line $n; sleep 0.05; done")
        .start();
    site.wait_text("memory/logs/a.log", "line 2\n");
    fs::rename(site.path("memory/logs/a.log"), site.path("memory/logs/moved.log")).unwrap();
    site.wait_text("memory/logs/a.log", "line");
    fs::remove_file(site.path("memory/session.log")).unwrap();
    site.wait_said("] [a] line");
    let (moved, new) = (site.read("memory/logs/moved.log"), site.log("a"));
    let last = |text: &str| text.lines().last().unwrap()[5..].parse::<u32>().unwrap();
    let first: u32 = new.lines().next().unwrap()[5..].parse().unwrap();
    assert_eq!(first, last(&moved) + 1, "nothing is lost between the two");
}

#[test]
fn the_session_log_can_be_json() {
    let site =
        Setup::new().set("log.format", "'json'").worker("a.sh", "echo hello; exit 0").start();
    site.wait_state("a", "completed");
    let log = site.wait_said("exited with code 0");
    let mut runs = std::collections::BTreeSet::new();
    let mut kinds = std::collections::BTreeSet::new();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            line["ts"].as_str().unwrap().ends_with('Z') && line["message"].is_string(),
            "{line}"
        );
        kinds.insert(line["kind"].as_str().unwrap().to_owned());
        if line["worker"] == "a" {
            runs.insert(line["run"].as_str().expect("its run, also at its end").to_owned());
        }
        if line["message"] == "hello" {
            assert_eq!(
                (line["worker"].as_str(), line["stream"].as_str()),
                (Some("a"), Some("stdout"))
            );
        }
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["lifecycle", "output"]);
    assert_eq!(runs.len(), 1, "{log}");
}

#[test]
fn what_goes_into_the_session_log_can_be_chosen_and_changed_in_place() {
    let mut site = Setup::new()
        .set("log.includes", "['lifecycle']")
        .worker("a.sh", "n=0; while :; do n=$((n+1)); echo line $n; sleep 0.05; done")
        .start();
    let a = site.wait_state("a", "running");
    site.wait_text("memory/logs/a.log", "line 3\n");
    assert!(!site.session().contains("[a] line"), "{}", site.session());
    site.set_all(&[("log.includes", "['output']"), ("log.session", "'memory/other.log'")]);
    site.wait_text("memory/other.log", "[a] line");
    site.set("log.directory", "'memory/elsewhere'");
    site.wait_text("memory/elsewhere/a.log", "line");
    assert_eq!(site.worker("a").pid(), a.pid());
}

#[test]
fn a_profile_moves_the_session_log_and_is_named() {
    let site = Setup::new()
        .set("profiles.production.log.session", "'var/session.log'")
        .env("NODE_ENV", "production")
        .worker("a.sh", STAYS)
        .start();
    site.wait_text("var/session.log", "Launching worker: a");
    let status = site.get("/workers/status");
    assert_eq!(status["system"]["environment"], "production");
    assert!(status["system"]["memoryPath"].as_str().unwrap().ends_with("var/session.log"));
    assert!(!site.path("memory/session.log").exists());
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing_and_is_said() {
    let site = Setup::new().worker("a.sh", "while :; do echo x; sleep 0.01; done").lay();
    fs::create_dir_all(site.path("memory/logs")).unwrap();
    std::os::unix::fs::symlink("/dev/full", site.path("memory/session.log")).unwrap();
    let mut site = site;
    site.start();
    site.wait_state("a", "running");
    site.wait_text("memory/logs/a.log", "x\nx\n");
    let health = site.wait_health("the trouble to show", |health| health["status"] == "degraded");
    assert!(health["problems"].to_string().contains("session.log"), "{health}");
    assert_eq!(site.worker("a").starts(), 1);
}

#[test]
fn a_flood_is_written_whole_and_the_routes_answer_meanwhile() {
    let site = prints("for n in range(200):\n    say(b'y' * 9999 + b'\\n')\nsay(b'the end\\n')\ntime.sleep(86400)").start();
    site.wait_until("the end", |site| {
        assert_eq!(site.get("/health")["service"], "ARCANOS");
        site.log("a").ends_with("the end\n").then_some(())
    });
    assert_eq!(site.log("a").len(), 200 * 10_000 + 8);
    let a =
        site.wait("the count", |picture| picture.worker("a").at("/log/lines") == 201).worker("a");
    assert_eq!((a.at("/log/bytes"), a.at("/log/dropped")), (2_000_008.into(), 0.into()));
}
