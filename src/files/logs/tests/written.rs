//! The session log, the files under changing settings, and what is said when they fail.

use std::{fs, process::Command};

use crate::{
    config::{LogFormat, LogKind},
    files::logs::{Stream, TailQuery},
};

use super::site::{KEY, Site, id, numbered, redactor, run, wait_until};

#[tokio::test]
async fn the_text_form_has_one_line_an_event() {
    let site = Site::new();
    let worker = site.logs.worker(&id("a"));
    site.logs.arcanos("Hello");
    worker.lifecycle(None, "Launching worker: a");
    site.write("a", "plain\r\nforged\r[2026-01-01T00:00:00.000Z] [b] x\n\x1b[2J\n").await;
    worker.activity(Some(&run()), &format!("two\nlines with {KEY}"));
    let expected = [
        "[arcanos] Hello",
        "[a] Launching worker: a",
        "[a] plain",
        "[a] forged\\r[2026-01-01T00:00:00.000Z] [b] x",
        "[a] \\x1b[2J",
        "[a] two\\nlines with [redacted API_KEY]",
    ];
    assert_eq!(site.session().await, expected);
    let text = site.text("session.log").await;
    assert!(text.starts_with("[20") && text.as_bytes()[25..27] == *b"] ", "{text}");
}

#[tokio::test]
async fn the_json_form_has_one_object_a_line() {
    let site = Site::with(|settings| settings.format = LogFormat::Json);
    let worker = site.logs.worker(&id("a"));
    site.logs.arcanos("Hello");
    site.write("a", "say \"hi\" \x1b[2J\n").await;
    worker.activity(Some(&run()), "busy");
    let lines: Vec<serde_json::Value> = site
        .text("session.log")
        .await
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    let seen: Vec<_> = lines
        .iter()
        .map(|l| {
            ["worker", "kind", "stream", "run", "message"].map(|key| l[key].as_str().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        seen,
        [
            ["arcanos", "lifecycle", "-", "-", "Hello"],
            ["a", "output", "stdout", "test-7", "say \"hi\" \x1b[2J"],
            ["a", "activity", "-", "test-7", "busy"],
        ]
    );
    assert_eq!(lines[0]["ts"].as_str().map(str::len), Some(24));
}

#[tokio::test]
async fn only_what_is_included_goes_into_the_session_log() {
    let site = Site::with(|settings| settings.includes = [LogKind::Lifecycle].into());
    site.logs.worker(&id("a")).activity(None, "busy");
    site.logs.worker(&id("a")).lifecycle(None, "up");
    site.write("a", "words\n").await;
    assert_eq!(site.session().await, ["[a] up"]);
    assert_eq!(site.text("logs/a.log").await, "words\n");
    assert_eq!(site.tail(Some("a"), TailQuery::last(9)).await, ["[a] busy", "[a] up", "[a] words"]);
}

#[tokio::test]
async fn new_settings_hold_for_what_comes_after_them() {
    let mut site = Site::new();
    let mut pipe = site.pipe("a", Stream::Stdout);
    pipe.write(numbered(1, 3)).await;
    wait_until("the lines", async || site.text("logs/a.log").await == numbered(1, 3)).await;
    site.settings.session = site.path("other/session.jsonl");
    site.settings.directory = site.path("other/logs");
    site.settings.format = LogFormat::Json;
    site.logs.configure(&site.settings, redactor());
    pipe.write(numbered(4, 6)).await;
    pipe.close().await;
    assert_eq!(site.text("logs/a.log").await, numbered(1, 3));
    assert_eq!(site.text("other/logs/a.log").await, numbered(4, 6));
    assert_eq!(site.session().await, ["[a] line 1", "[a] line 2", "[a] line 3"]);
    assert_eq!(site.text("other/session.jsonl").await.lines().count(), 3);
}

#[tokio::test]
async fn files_that_were_moved_are_left_at_once_on_request() {
    let site = Site::new();
    let mut pipe = site.pipe("a", Stream::Stdout);
    pipe.write("1\n").await;
    wait_until("the line", async || site.text("logs/a.log").await == "1\n").await;
    for name in ["logs/a.log", "session.log"] {
        fs::rename(site.path(name), site.path(&format!("{name}.old"))).expect("to move it");
    }
    site.logs.reopen();
    pipe.write("2\n").await;
    pipe.close().await;
    assert_eq!(site.text("logs/a.log").await, "2\n");
    assert_eq!(site.session().await, ["[a] 2"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_a_problem_until_it_can() {
    let site = Site::new();
    fs::create_dir(site.path("logs")).expect("a folder");
    let fifo = site.path("logs/a.log");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    site.write("a", numbered(1, 5000)).await;
    site.write("b", "fine\n").await;
    assert_eq!(site.text("logs/b.log").await, "fine\n");
    let counts = site.logs.worker(&id("a")).counters().read();
    assert!(counts.dropped > 0 && counts.dropped < counts.bytes, "{counts:?}");
    let problem = format!(
        "{} cannot be written: it is not a regular file ({} bytes lost)",
        fifo.display(),
        counts.dropped
    );
    assert_eq!(site.logs.problems(), [problem]);
    let mut changes = site.logs.problem_changes();
    assert!(changes.has_changed().expect("it is open"), "who comes late learns of it too");
    changes.mark_unchanged();
    fs::remove_file(&fifo).expect("to remove it");
    changes.changed().await.expect("it is open");
    assert_eq!(site.logs.problems(), [""; 0]);
    wait_until("the last line", async || site.session().await.len() == 5002).await;
    let session = site.session().await;
    assert!(
        session[5001]
            .ends_with(&format!("can be written again, {} bytes were lost", counts.dropped))
    );
    assert!(numbered(1, 5000).starts_with(&site.text("logs/a.log").await));
}

#[tokio::test]
async fn a_problem_of_a_worker_that_is_gone_is_none() {
    let site = Site::new();
    fs::create_dir_all(site.path("logs/a.log")).expect("a folder in its place");
    site.write("a", "x\n").await;
    site.logs.flush(std::time::Duration::from_secs(10)).await;
    assert_eq!(site.logs.problems().len(), 1);
    site.logs.forget(&id("a"));
    site.logs.flush(std::time::Duration::from_secs(10)).await;
    assert_eq!(site.logs.problems(), [""; 0]);
}

#[tokio::test]
async fn counters_are_those_of_the_worker_until_it_is_forgotten() {
    let site = Site::new();
    site.write("a", "x\n").await;
    assert_eq!(site.logs.worker(&id("a")).counters().read().lines, 1);
    site.logs.forget(&id("a"));
    assert_eq!(site.logs.worker(&id("a")).counters().read().lines, 0);
    assert_eq!(site.tail(Some("b"), TailQuery::last(9)).await, [""; 0]);
}

#[tokio::test]
async fn what_is_queued_is_written_although_the_logs_are_dropped() {
    let site = Site::new();
    site.write("a", numbered(1, 1000)).await;
    let (path, folder) = (site.path("logs/a.log"), site.folder);
    drop(site.logs);
    wait_until("the last line", async || {
        fs::read_to_string(&path).is_ok_and(|text| text == numbered(1, 1000))
    })
    .await;
    drop(folder);
}
