//! Streams of events and of lines.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use super::{
    bench::{Bench, SOON, read_to_end, read_until, wait_until},
    engine::id,
};
use crate::domain::{RunId, State};

async fn open(bench: &Bench, path: &str, headers: &str) -> TcpStream {
    let mut stream = bench.connect().await;
    let text = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let head = read_until(&mut stream, "retry: ").await;
    assert!(head.to_lowercase().contains("content-type: text/event-stream"), "{head}");
    assert!(head.to_lowercase().contains("cache-control: no-store"), "{head}");
    stream
}

#[tokio::test]
async fn what_happens_is_reported_as_it_happens() {
    let bench = Bench::new().await;
    let mut stream = open(&bench, "/events", "").await;
    bench.put("a", State::Starting);
    let seen = read_until(&mut stream, "\"a is starting\"").await;
    assert!(seen.contains("id: 1\n"), "{seen}");
    assert!(seen.contains("\"type\":\"worker\",\"worker\":\"a\",\"state\":\"starting\""), "{seen}");
    bench.handle.set_problem("x", Some("trouble".to_owned()));
    read_until(&mut stream, "health is degraded").await;
}

#[tokio::test]
async fn who_comes_back_gets_what_it_missed() {
    let bench = Bench::new().await;
    for state in [State::Starting, State::Running, State::Stopping] {
        bench.put("a", state);
    }
    let mut stream = open(&bench, "/events", "Last-Event-ID: 1\r\n").await;
    let seen = read_until(&mut stream, "id: 3\n").await;
    assert!(seen.contains("id: 2\n") && !seen.contains("id: 1\n"), "{seen}");
    assert!(!seen.contains("resync"), "{seen}");
    bench.put("a", State::Stopped);
    read_until(&mut stream, "id: 4\n").await;
}

#[tokio::test]
async fn a_client_that_missed_too_much_gets_a_resync() {
    let bench = Bench::new().await;
    bench.put("a", State::Starting);
    for last in ["77", "x", "18446744073709551615", ""] {
        let mut stream = open(&bench, "/events", &format!("Last-Event-ID: {last}\r\n")).await;
        read_until(&mut stream, "event: resync").await;
    }
}

#[tokio::test]
async fn the_last_lines_are_shown_in_the_session_logs_form() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    let log = bench.handle.logs().worker(&id("a"));
    for n in 1..=60 {
        log.lifecycle(None, &format!("line {n}"));
    }
    log.activity(None, "an activity");
    let wire = bench.get("/workers/logs/a").await.json();
    let lines: Vec<_> =
        wire["logs"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    assert_eq!((wire["workerId"].as_str(), lines.len()), (Some("a"), 50));
    assert!(lines[0].ends_with("Z] [a] line 12") && lines[48].ends_with("[a] line 60"), "{wire}");
    assert!(lines[49].ends_with("[a] an activity"), "{wire}");
    let wire = bench.get("/workers/logs/a?lines=2&stream=activity").await.json();
    assert_eq!(wire["logs"].as_array().unwrap().len(), 1);
    assert_eq!(bench.get("/workers/logs/a?lines=0").await.status, 400);
}

#[tokio::test]
async fn lines_in_json_say_where_they_come_from_whatever_their_text_says() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    let run = RunId::new("i", 7);
    let log = bench.handle.logs().worker(&id("a"));
    log.lifecycle(Some(&run), "Launching worker: a");
    log.activity(None, "Worker a exited with code 0, signal null");
    let logs = |wire: Value| wire["logs"].clone();
    let lines = logs(bench.get("/workers/logs/a?format=json").await.json());
    assert_eq!(lines[0]["message"], "Launching worker: a");
    assert_eq!((&lines[0]["kind"], &lines[0]["stream"]), (&json!("lifecycle"), &Value::Null));
    assert_eq!((&lines[0]["worker"], &lines[0]["run"]), (&json!("a"), &json!("i-7")));
    let lines = logs(bench.get("/workers/logs/a?format=json&stream=activity").await.json());
    assert_eq!((&lines[0]["kind"], &lines[0]["run"]), (&json!("activity"), &Value::Null));
    let mut stream = open(&bench, "/workers/logs/a?format=json&follow=1", "").await;
    let seen = read_until(&mut stream, "event: line\ndata: {\"ts\"").await;
    assert!(!seen.contains("[a]"), "{seen}");
    log.lifecycle(None, "and more");
    read_until(
        &mut stream,
        "\"kind\":\"lifecycle\",\"stream\":null,\"run\":null,\"message\":\"and more\"}",
    )
    .await;
}

#[tokio::test]
async fn arcanos_has_lines_of_its_own() {
    let bench = Bench::new().await;
    bench.handle.logs().arcanos("hello from arcanos");
    bench.handle.logs().worker(&id("a")).lifecycle(None, "launched");
    for name in ["arcanos", "WorkerManager"] {
        let reply = bench.get(&format!("/workers/logs/{name}")).await;
        assert!(reply.body.contains("[arcanos] hello from arcanos"), "{reply:?}");
        assert!(reply.body.contains("[a] launched"), "{reply:?}");
    }
}

#[tokio::test]
async fn lines_are_followed_from_the_last_ones_on() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    let log = bench.handle.logs().worker(&id("a"));
    log.lifecycle(None, "line 1");
    log.lifecycle(None, "line 2");
    let mut stream = open(&bench, "/workers/logs/a?follow=1&lines=1", "").await;
    let seen = read_until(&mut stream, "line 2").await;
    assert!(!seen.contains("line 1"), "{seen}");
    log.lifecycle(None, "line 3");
    bench.handle.logs().worker(&id("b")).lifecycle(None, "noise");
    log.lifecycle(None, "line 4");
    let seen = read_until(&mut stream, "line 4").await;
    assert!(seen.contains("event: line\ndata: [") && seen.contains("line 3"), "{seen}");
    assert!(!seen.contains("noise"), "{seen}");
    bench.handle.logs().forget(&id("a"));
    read_until(&mut stream, "0\r\n\r\n").await;
}

#[tokio::test]
async fn streams_do_not_keep_the_server_from_ending() {
    let bench = Bench::new().await;
    bench.put("a", State::Starting);
    let mut streams = Vec::new();
    for path in ["/events", "/workers/logs/a?follow=1"].repeat(5) {
        streams.push(open(&bench, path, "").await);
    }
    let idle = bench.connect().await;
    let mut waiting = bench.connect().await;
    let text = b"POST /workers/restart/a?wait=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    waiting.write_all(text).await.unwrap();
    wait_until("the restart", || bench.runtime.asked.lock().unwrap().len() == 1).await;
    let ending = bench.end();
    timeout(Duration::from_millis(900), ending).await.expect("before the drain's deadline");
    for stream in &mut streams {
        assert!(read_to_end(stream).await.ends_with("0\r\n\r\n"), "streams end in good order");
    }
    assert!(read_to_end(&mut waiting).await.contains("shutting_down"));
    drop(idle);
}

#[tokio::test]
async fn a_new_token_ends_the_streams_of_the_old_one() {
    let bench = Bench::new().await;
    let mut stream = open(&bench, "/events", "").await;
    bench.configure(|s| s.max_connections = 10);
    bench.put("a", State::Starting);
    read_until(&mut stream, "a is starting").await;
    bench.configure(|s| s.token = Some("secret".into()));
    read_until(&mut stream, "0\r\n\r\n").await;
}

#[tokio::test]
async fn a_stream_whose_client_went_is_let_go() {
    let bench = Bench::new().await;
    let stream = open(&bench, "/events", "").await;
    let n_tasks = || std::sync::Arc::strong_count(&bench.handle.0);
    let before = n_tasks();
    let second = open(&bench, "/events", "").await;
    drop((stream, second));
    let come_back = async {
        // Whether a connection is held shows in nothing but the room there is.
        bench.configure(|s| s.max_connections = 1);
        while bench.get("/health").await.status != 200 {}
    };
    timeout(SOON, come_back).await.expect("the connections are let go");
    assert!(n_tasks() <= before);
}
