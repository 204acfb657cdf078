//! What was, and what comes.

use std::time::{Duration, Instant};

use crate::{
    config::{LogFormat, LogKind},
    files::logs::{FollowItem, Follower, LogLine, Stream, TailQuery, past_lines},
};

use super::site::{KEY, Site, id, numbered, redactor, run, texts, wait_until};

/// The next lines of a follower.
async fn take(follower: &mut Follower, n: usize) -> Vec<String> {
    let mut lines: Vec<LogLine> = Vec::new();
    while lines.len() < n {
        match follower.next().await.expect("the worker is there") {
            FollowItem::Line(line) => lines.push(line),
            FollowItem::Lagged(n) => panic!("{n} lines were missed"),
        }
    }
    texts(&lines)
}

#[tokio::test]
async fn the_last_lines_come_oldest_first_and_of_the_wanted_stream() {
    let site = Site::new();
    let worker = site.logs.worker(&id("a"));
    worker.lifecycle(None, "up");
    worker.activity(None, "busy");
    site.write("a", "out 1\nout 2\n").await;
    let mut pipe = site.pipe("a", Stream::Stderr);
    pipe.write("err\n").await;
    pipe.close().await;
    site.write("b", "other\n").await;
    let of = |stream| TailQuery { stream: Some(stream), ..TailQuery::last(50) };
    for (query, expected) in [
        (TailQuery::last(50), &["[a] up", "[a] busy", "[a] out 1", "[a] out 2", "[a] err"][..]),
        (TailQuery::last(2), &["[a] out 2", "[a] err"]),
        (of(Stream::Stdout), &["[a] out 1", "[a] out 2"]),
        (of(Stream::Stderr), &["[a] err"]),
        (of(Stream::Activity), &["[a] busy"]),
        (of(Stream::Lifecycle), &["[a] up"]),
        (TailQuery::last(0), &[]),
    ] {
        assert_eq!(site.tail(Some("a"), query).await, expected, "{query:?}");
    }
    assert_eq!(site.tail(None, TailQuery::last(2)).await, ["[a] err", "[b] other"]);
}

#[tokio::test]
async fn a_line_is_shown_in_the_form_of_the_session_log() {
    let site = Site::new();
    site.write("a", "x\ty\n").await;
    let lines = site.logs.tail(Some(&id("a")), &TailQuery::last(1)).await;
    assert_eq!(lines[0].run, Some(run()));
    assert_eq!(format!("{}\n", lines[0]), site.text("session.log").await);
}

#[tokio::test]
async fn the_files_alone_hold_the_last_lines() {
    let site = Site::with(|settings| settings.max_size = 400);
    for n in 1..=20 {
        site.write("a", format!("line {n}\n")).await;
    }
    site.logs.worker(&id("a")).activity(None, "result: 7");
    site.logs.arcanos("Hello");
    let past = |worker: Option<&str>, query| {
        let worker = worker.map(id);
        let lines = past_lines(&site.settings, redactor(), worker.as_ref(), &query);
        lines.iter().map(|line| line[27..].to_owned()).collect::<Vec<_>>()
    };
    site.logs.flush(Duration::from_secs(10)).await;
    assert!(site.path("session.log.2").exists(), "the lines are in several files");
    assert_eq!(past(Some("a"), TailQuery::last(2)), ["[a] line 20", "[a] result: 7"]);
    assert_eq!(past(None, TailQuery::last(2)), ["[a] result: 7", "[arcanos] Hello"]);
    assert_eq!(past(Some("a"), TailQuery::last(50)).len(), 21);
    assert_eq!(past(Some("b"), TailQuery::last(50)), [""; 0]);
}

#[tokio::test]
async fn a_workers_own_log_stands_in_where_the_session_log_has_nothing() {
    let site = Site::with(|settings| settings.includes = [LogKind::Lifecycle].into());
    site.write("a", format!("one\ntwo\x1b[2J\nthree {KEY}\n")).await;
    site.logs.flush(Duration::from_secs(10)).await;
    let past = |query| past_lines(&site.settings, redactor(), Some(&id("a")), &query);
    let expect = ["two\\x1b[2J", "three [redacted API_KEY]"];
    assert_eq!(past(TailQuery::last(2)), expect);
    let lifecycle = TailQuery { stream: Some(Stream::Lifecycle), ..TailQuery::last(2) };
    assert_eq!(past(lifecycle), [""; 0]);
}

#[tokio::test]
async fn the_last_lines_outlive_arcanos() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let mut site = Site::with(|settings| settings.format = format);
        site.write("a", numbered(1, 3000)).await;
        site.write("b", numbered(1, 3000)).await;
        site.write("a", numbered(3001, 3003)).await;
        site.restart().await;
        let begin = Instant::now();
        wait_until("a later millisecond", async || begin.elapsed().as_millis() > 1).await;
        site.write("a", "esc \x1b\n").await;
        let expected =
            ["[a] line 3000", "[a] line 3001", "[a] line 3002", "[a] line 3003", "[a] esc \\x1b"];
        assert_eq!(site.tail(Some("a"), TailQuery::last(5)).await, expected, "{format:?}");
        let all = site.tail(Some("a"), TailQuery::last(3004)).await;
        assert_eq!((all.len(), all[0].as_str()), (3004, "[a] line 1"), "{format:?}");
        site.restart().await;
        assert_eq!(site.tail(Some("a"), TailQuery::last(1)).await, ["[a] esc \\x1b"]);
    }
}

#[tokio::test]
async fn lines_are_read_back_from_the_log_that_was_rotated_last_too() {
    let mut site = Site::with(|settings| settings.max_size = 1000);
    for n in 1..=30 {
        site.write("a", numbered(n, n)).await;
    }
    site.restart().await;
    let lines = site.tail(Some("a"), TailQuery::last(25)).await;
    let expected: Vec<String> = (6..=30).map(|n| format!("[a] line {n}")).collect();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn lines_in_memory_are_not_read_back_again() {
    let site = Site::new();
    site.write("a", numbered(1, 5)).await;
    site.logs.flush(std::time::Duration::from_secs(10)).await;
    assert_eq!(site.tail(Some("a"), TailQuery::last(50)).await.len(), 5);
    assert_eq!(site.tail(None, TailQuery::last(50)).await.len(), 5);
}

#[tokio::test]
async fn memory_keeps_the_latest_lines_and_no_more_than_it_may() {
    let site = Site::with(|settings| settings.includes.clear());
    for worker in 0..20 {
        site.write(&format!("w{worker}"), numbered(1, 150_000)).await;
    }
    let cost = site.logs.handle.shared.history().cost();
    assert!(cost <= 16 * 1024 * 1024, "{cost}");
    let last = site.tail(Some("w0"), TailQuery::last(2)).await;
    assert_eq!(last, ["[w0] line 149999", "[w0] line 150000"]);
}

#[tokio::test]
async fn a_follower_goes_on_where_the_tail_ended() {
    let site = Site::new();
    let mut pipe = site.pipe("a", Stream::Stdout);
    pipe.write(numbered(1, 10)).await;
    wait_until("the lines", async || site.tail(Some("a"), TailQuery::last(50)).await.len() == 10)
        .await;
    let (tail, mut follower) = site.logs.tail_and_follow(Some(&id("a")), &TailQuery::last(3)).await;
    let tail: Vec<LogLine> = tail.collect();
    assert_eq!(texts(&tail), ["[a] line 8", "[a] line 9", "[a] line 10"]);
    pipe.write(numbered(11, 12)).await;
    site.write("b", "other\n").await;
    site.logs.worker(&id("a")).activity(None, "busy");
    pipe.write("line 13\n").await;
    let expect = ["[a] line 11", "[a] line 12", "[a] busy", "[a] line 13"];
    assert_eq!(take(&mut follower, 4).await, expect);
}

#[tokio::test]
async fn a_follower_of_all_hears_all_and_one_of_a_stream_that_stream() {
    let site = Site::new();
    let mut all = site.follow(None, None).await;
    let mut activity = site.follow(Some("a"), Some(Stream::Activity)).await;
    site.logs.arcanos("Hello");
    site.write("a", "one\n").await;
    site.logs.worker(&id("a")).activity(None, "busy");
    site.write("b", "two\n").await;
    let expect = ["[arcanos] Hello", "[a] one", "[a] busy", "[b] two"];
    assert_eq!(take(&mut all, 4).await, expect);
    assert_eq!(take(&mut activity, 1).await, ["[a] busy"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_loses_nothing_over_new_settings() {
    let mut site = Site::new();
    let mut follower = site.follow(Some("a"), None).await;
    let reader = tokio::spawn(async move { take(&mut follower, 2000).await });
    let mut pipe = site.pipe("a", Stream::Stdout);
    for n in 0..20 {
        pipe.write(numbered(n * 100 + 1, n * 100 + 100)).await;
        site.settings.max_line = 1000 + n;
        site.settings.session = site.path(&format!("session-{}", n % 3));
        site.logs.configure(&site.settings, super::site::redactor());
    }
    let expected: Vec<String> = (1..=2000).map(|n| format!("[a] line {n}")).collect();
    assert!(reader.await.expect("no panic") == expected, "every line once");
    pipe.close().await;
    let mut in_files = 0;
    for n in 0..3 {
        in_files += site.text(&format!("session-{n}")).await.lines().count();
    }
    assert_eq!(in_files + site.session().await.len(), 2000);
}

#[tokio::test]
async fn a_slow_follower_learns_what_it_missed() {
    let site = Site::new();
    let mut follower = site.follow(Some("a"), None).await;
    site.write("a", numbered(1, 300_000)).await;
    let Some(FollowItem::Lagged(missed)) = follower.next().await else {
        panic!("memory cannot hold all of it");
    };
    let next = format!("[a] line {}", missed + 1);
    assert_eq!(take(&mut follower, 1).await, [next]);
}

#[tokio::test]
async fn a_follower_ends_with_its_worker() {
    let site = Site::new();
    let mut follower = site.follow(Some("a"), None).await;
    site.write("a", "one\n").await;
    assert_eq!(take(&mut follower, 1).await, ["[a] one"]);
    site.logs.forget(&id("a"));
    assert_eq!(follower.next().await, None);
}

#[tokio::test]
async fn what_comes_from_a_worker_that_is_gone_is_not_remembered() {
    let site = Site::new();
    let mut pipe = site.pipe("a", Stream::Stdout);
    site.logs.forget(&id("a"));
    pipe.write("late\n").await;
    pipe.close().await;
    assert_eq!(site.text("logs/a.log").await, "late\n");
    assert_eq!(site.logs.handle.shared.history().cost(), 0);
}
