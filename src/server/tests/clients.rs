//! Clients that are slow, large, odd or many.

use std::time::{Duration, Instant};

use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use super::bench::{Bench, Reply, SOON, read_to_end, read_until};
use crate::{domain::State, http::Timeouts, server::serve::TIMEOUTS};

fn hasty() -> Timeouts {
    let request = Duration::from_millis(300);
    Timeouts { head: request, request, ..TIMEOUTS }
}

#[tokio::test]
async fn a_request_that_never_gets_done_is_cut_and_others_are_served() {
    let bench = Bench::with(|_| {}, hasty()).await;
    let start = Instant::now();
    let mut slow = Vec::new();
    for text in ["", "G", "GET /health HTTP/1.1\r\nHost: local"] {
        let mut stream = bench.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    assert_eq!(bench.get("/health").await.status, 200);
    for mut stream in slow {
        assert_eq!(read_to_end(&mut stream).await, "");
    }
    assert!(start.elapsed() >= Duration::from_millis(250), "cut too early");
}

#[tokio::test]
async fn a_byte_now_and_then_buys_no_time() {
    let bench = Bench::with(|_| {}, hasty()).await;
    let mut stream = bench.connect().await;
    let dripping = async {
        for byte in b"GET /health HTTP/1.1\r\nX: ".iter().chain(std::iter::repeat(&b'y')) {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, dripping).await.expect("the connection is cut");
}

#[tokio::test]
async fn a_body_that_never_comes_is_a_408() {
    let bench = Bench::with(|_| {}, hasty()).await;
    let head = "POST /workers/run/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{";
    let reply = Reply::parse(&bench.raw(head.as_bytes()).await);
    assert_eq!((reply.status, reply.json()["code"].as_str()), (408, Some("request_timeout")));
    assert_eq!(reply.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_connection_may_wait_longer_between_requests_than_within_one() {
    let bench = Bench::with(|_| {}, hasty()).await;
    let mut stream = bench.connect().await;
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        read_until(&mut stream, "ARCANOS is live").await;
        tokio::time::sleep(hasty().request * 2).await;
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    let idle = Timeouts { idle: Duration::from_millis(100), ..TIMEOUTS };
    let bench = Bench::with(|_| {}, idle).await;
    let mut stream = bench.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(read_to_end(&mut stream).await.ends_with("ARCANOS is live"));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let lazy = Timeouts { stall: Duration::from_millis(300), ..TIMEOUTS };
    let bench = Bench::with(|_| {}, lazy).await;
    for n in 0..200 {
        bench.put(&format!("w{n}"), State::Running);
    }
    let mut stream = bench.connect().await;
    let start = Instant::now();
    let asking = async {
        while stream.write_all(b"GET /workers HTTP/1.1\r\nHost: localhost\r\n\r\n").await.is_ok() {}
    };
    timeout(SOON, asking).await.expect("the connection is cut");
    assert!(start.elapsed() >= lazy.stall, "cut too early");
}

#[tokio::test]
async fn headers_have_a_limit() {
    let bench = Bench::new().await;
    let ask = async |headers: String| {
        let head = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        Reply::parse(&bench.raw(format!("{head}{headers}\r\n").as_bytes()).await).status
    };
    assert_eq!(ask(format!("X: {}\r\n", "x".repeat(15_000))).await, 200);
    assert_eq!(ask(format!("X: {}\r\n", "x".repeat(17_000))).await, 431);
    assert_eq!(ask(format!("X: {}\r\n", "x".repeat(500_000))).await, 431);
    assert_eq!(ask("X: y\r\n".repeat(200)).await, 431);
    let path = "x".repeat(70_000);
    let long = format!("GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(matches!(Reply::parse(&bench.raw(long.as_bytes()).await).status, 414 | 431));
}

#[tokio::test]
async fn bodies_have_a_limit_and_the_refusal_arrives() {
    let bench = Bench::new().await;
    bench.put("a", State::Stopped);
    let text = |n: usize| format!("\"{}\"", "x".repeat(n - 2));
    assert_eq!(bench.post("/workers/run/a", &text(65_536)).await.status, 200);
    for n in [65_537, 70_000, 500_000] {
        assert_eq!(bench.post("/workers/run/a", &text(n)).await.status, 413, "{n} bytes");
    }
    let head = "POST /workers/run/a HTTP/1.1\r\nHost: localhost\r\n";
    let huge = format!("{head}Content-Length: 99999999999\r\n\r\n");
    assert_eq!(Reply::parse(&bench.raw(huge.as_bytes()).await).status, 413);
    let chunk = format!("10000\r\n{}\r\n", "y".repeat(65_536)).repeat(4);
    let endless = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}");
    assert_eq!(Reply::parse(&bench.raw(endless.as_bytes()).await).status, 413);
    assert_eq!(bench.runtime.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    let one =
        |path: &str, last: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{last}\r\n");
    let text = [one("/nosuch", ""), one("/", ""), one("/workers/a", "Connection: close\r\n")];
    let answers = bench.raw(text.concat().as_bytes()).await;
    let found: Vec<_> = ["Endpoint not found", "ARCANOS is live", "\"id\":\"a\""]
        .iter()
        .map(|part| answers.find(part).expect(part))
        .collect();
    assert!(found.is_sorted(), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 3);
}

#[tokio::test]
async fn ambiguous_lengths_get_at_most_one_answer() {
    let bench = Bench::new().await;
    let smuggled = "GET /workers HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for headers in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 1x\r\n",
        "Transfer-Encoding: gzip\r\n",
        "X: a\r\n b\r\n",
        "X : a\r\n",
    ] {
        let text = format!("POST /reload HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{smuggled}");
        let answer = bench.raw(text.as_bytes()).await;
        assert!(matches!(Reply::parse(&answer).status, 0 | 400), "{headers}: {answer}");
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{headers}: {answer}");
    }
}

#[tokio::test]
async fn a_client_may_close_its_half_once_it_has_asked() {
    let bench = Bench::new().await;
    bench.put("a", State::Starting);
    let mut stream = bench.connect().await;
    stream
        .write_all(b"POST /workers/restart/a?wait=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    super::bench::wait_until("the restart", || bench.runtime.asked.lock().unwrap().len() == 1)
        .await;
    bench.put("a", State::Running);
    assert_eq!(Reply::parse(&read_to_end(&mut stream).await).status, 200);
}

#[tokio::test]
async fn the_longest_idle_connection_makes_room() {
    let bench = Bench::with(|s| s.max_connections = 2, TIMEOUTS).await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut stream = bench.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        read_until(&mut stream, "ARCANOS is live").await;
        idle.push(stream);
    }
    assert_eq!(bench.get("/health").await.status, 200);
    assert_eq!(read_to_end(&mut idle[0]).await, "", "the first one was closed");
    idle[1].write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut idle[1], "ARCANOS is live").await;
}

#[tokio::test]
async fn requests_that_never_get_done_keep_nobody_out() {
    let bench = Bench::with(|s| s.max_connections = 3, TIMEOUTS).await;
    let mut slow = Vec::new();
    for text in ["GET /health HTTP/1.1\r\nHost: local", "POST /reload HTTP/1.1\r\nX: y\r\n"] {
        let mut stream = bench.connect().await;
        // Asked at once, a fresh connection would be an idle one.
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        read_until(&mut stream, "ARCANOS is live").await;
        stream.write_all(text.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let mut stream = open_stream(&bench).await;
    for _ in 0..3 {
        assert_eq!(bench.get("/health").await.status, 200);
    }
    assert_eq!(read_to_end(&mut slow[0]).await, "", "the first one was cut");
    stream.write_all(b"x").await.expect("who has asked stays");
}

#[tokio::test]
async fn without_an_idle_one_there_is_no_room() {
    let bench = Bench::with(|s| s.max_connections = 1, TIMEOUTS).await;
    let mut stream = open_stream(&bench).await;
    let reply = bench.get("/health").await;
    assert_eq!((reply.status, reply.json()["code"].as_str()), (503, Some("too_many_connections")));
    bench.configure(|s| s.max_connections = 2);
    assert_eq!(bench.get("/health").await.status, 200);
    stream.shutdown().await.unwrap();
    read_to_end(&mut stream).await;
}

#[tokio::test]
async fn a_lower_cap_counts_at_once() {
    let bench = Bench::new().await;
    let mut idle = Vec::new();
    for _ in 0..4 {
        idle.push(bench.connect().await);
    }
    bench.get("/health").await;
    bench.configure(|s| s.max_connections = 1);
    for stream in &mut idle[..3] {
        assert_eq!(read_to_end(stream).await, "");
    }
}

async fn open_stream(bench: &Bench) -> TcpStream {
    let mut stream = bench.connect().await;
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut stream, "retry:").await;
    stream
}
