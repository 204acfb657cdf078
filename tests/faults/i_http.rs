//! 1I: clients that are slow, many, broken or hostile.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::{
    http::{self, Pulse},
    procs,
    site::{SLACK, Site, until},
};

const HOST: &str = "Host: 127.0.0.1\r\n";

/// Whether the other side has closed, without waiting.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let mut byte = [0; 4096];
    loop {
        match stream.read(&mut byte) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                return !matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                );
            }
        }
    }
}

#[test]
fn i1_who_sends_a_byte_now_and_then_is_cut() {
    let mut site = Site::new();
    site.start();
    let mut slow: Vec<TcpStream> = (0..50).map(|_| http::connect(site.port())).collect();
    let pulse = Pulse::start(site.port());
    let start = Instant::now();
    let request = format!("POST /reload HTTP/1.1\r\n{HOST}Content-Length: 100\r\n\r\n");
    let mut bytes = request.bytes().chain(std::iter::repeat(b'x'));
    until("all are cut", || {
        let byte = [bytes.next().unwrap()];
        for stream in &mut slow {
            let _ = stream.write_all(&byte);
        }
        std::thread::sleep(Duration::from_millis(200));
        slow.retain_mut(|stream| !is_closed(stream));
        slow.is_empty().then_some(())
    });
    assert!(start.elapsed() < Duration::from_secs(13) + SLACK, "{:?}", start.elapsed());
    pulse.was_steady();
}

#[test]
fn i1_a_body_that_never_comes_is_not_waited_for() {
    let mut site = Site::new();
    site.sh("w", "exec sleep 300");
    site.start();
    let head = format!("POST /workers/run/w HTTP/1.1\r\n{HOST}Content-Length: 100\r\n\r\n{{");
    let start = Instant::now();
    let answer = http::raw(site.port(), head.as_bytes());
    assert!(start.elapsed() < Duration::from_secs(12) + SLACK, "{:?}", start.elapsed());
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[test]
fn i2_two_thousand_idle_connections_keep_nobody_out() {
    let mut site = Site::new();
    site.start();
    let before = procs::rss(site.pid());
    let mut idle = Vec::new();
    for _ in 0..2000 {
        let mut stream = http::connect(site.port());
        // Each has asked once and is kept alive.
        let _ = stream.write_all(format!("GET /health HTTP/1.1\r\n{HOST}\r\n").as_bytes());
        idle.push(stream);
    }
    // Those that wait to be accepted come first.
    site.get("/health");
    let pulse = Pulse::start(site.port());
    std::thread::sleep(Duration::from_secs(1));
    pulse.was_steady();
    assert!(procs::descriptors(site.pid()) < 600, "{}", procs::descriptors(site.pid()));
    let grown = procs::rss(site.pid()).saturating_sub(before);
    assert!(grown < 64, "{grown} MiB");
    drop(idle);
    until("their descriptors are free", || (procs::descriptors(site.pid()) < 60).then_some(()));
}

#[test]
fn i3_what_is_too_large_is_refused_by_its_size() {
    let mut site = Site::new();
    site.sh("w", "exec sleep 300");
    site.start();
    site.wait("w", "running");
    let port = site.port();
    let before = procs::rss(site.pid());
    let long = "x".repeat(500 << 10);
    let get = |path: &str, headers: &str| {
        http::raw(port, format!("GET {path} HTTP/1.1\r\n{HOST}{headers}\r\n").as_bytes())
    };
    let large_head = get("/health", &format!("X: {long}\r\n"));
    assert!(large_head.is_empty() || large_head.starts_with("HTTP/1.1 431"), "{large_head}");
    let many = "X: y\r\n".repeat(5000);
    let many = get("/health", &many);
    assert!(many.is_empty() || many.starts_with("HTTP/1.1 431"), "{many}");
    let path = get(&format!("/{}", &long[..70_000]), "");
    assert!(path.is_empty() || path.starts_with("HTTP/1.1 4"), "{path}");
    let json = "Content-Type: application/json\r\n";
    let body = format!("{{\"a\":\"{}\"}}", "y".repeat(70 << 10));
    let answer = http::ask(port, "POST", "/workers/run/w", json, body.as_bytes());
    assert_eq!(answer.status, 413, "{}", answer.body);
    // A body in chunks that never ends.
    let mut stream = http::connect(port);
    let head =
        format!("POST /workers/run/w HTTP/1.1\r\n{HOST}{json}Transfer-Encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("4000\r\n{}\r\n", "z".repeat(0x4000));
    let start = Instant::now();
    let mut sent = 0;
    while stream.write_all(chunk.as_bytes()).is_ok() && start.elapsed() < Duration::from_secs(12) {
        sent += chunk.len();
    }
    assert!(sent < 8 << 20, "{sent} bytes were taken");
    assert!(procs::rss(site.pid()) < before + 32);
}

#[test]
fn i4_no_request_hides_in_another() {
    let mut site = Site::new();
    site.sh("w", "exec sleep 300");
    site.start();
    let before = site.wait("w", "running");
    let hidden = format!("POST /workers/stop/w HTTP/1.1\r\n{HOST}\r\n");
    let n = hidden.len();
    for head in [
        format!("Content-Length: {n}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {n}\r\n"),
        format!("Content-Length: 0\r\nContent-Length: {n}\r\n"),
        format!("Content-Length: +{n}\r\n"),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "X: a\r\n Content-Length: 4\r\n".to_owned(),
        "X\0: a\r\n".to_owned(),
        "Content-Length: -1\r\n".to_owned(),
    ] {
        let request = format!("POST /reload HTTP/1.1\r\n{HOST}{head}\r\n0\r\n\r\n{hidden}");
        let answer = http::raw(site.port(), request.as_bytes());
        let answers = answer.matches("HTTP/1.1 ").count();
        assert!(answers <= 1 || !answer.contains("stop"), "{head:?}: {answer}");
        assert_eq!(site.worker("w")["pid"], before["pid"], "{head:?}: {answer}");
    }
}

#[test]
fn i4_pipelined_requests_are_answered_in_order() {
    let mut site = Site::new();
    site.start();
    let request = format!(
        "GET /health HTTP/1.1\r\n{HOST}\r\nGET /no/such HTTP/1.1\r\n{HOST}\r\n\
         GET /workers HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"
    );
    let answer = http::raw(site.port(), request.as_bytes());
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect();
    assert_eq!(statuses, ["200", "404", "200"], "{answer}");
}

#[test]
fn i5_odd_ids_open_nothing() {
    let mut site = Site::new();
    site.write("memory.log", "outside");
    site.sh("w", "echo inside; exec sleep 300");
    site.start();
    site.wait("w", "running");
    let long = "a".repeat(10_000);
    for id in [
        "..",
        ".",
        "%2e%2e",
        "%2e%2e%2f",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%00",
        "w%00",
        "%ff",
        "%",
        "%2",
        "%zz",
        "a%2fb",
        "a/b",
        "w/..",
        "\u{e9}",
        "%C3%A9",
        "__proto__",
        "constructor",
        "w.log",
        "W",
        "w%20",
        "%20w",
        "w?x",
        "w;x",
        "-",
        &long,
    ] {
        for path in [format!("/workers/logs/{id}"), format!("/workers/{id}")] {
            if id == "w?x" {
                continue;
            }
            let answer = http::try_ask(site.port(), "GET", &path, "", b"");
            let Some(answer) = answer else { continue };
            assert!(matches!(answer.status, 400 | 404 | 414), "{path}: {}", answer.status);
            assert!(!answer.body.contains("outside") && !answer.body.contains("root:"), "{path}");
        }
    }
}

#[test]
fn i6_a_follower_that_does_not_read_is_cut_and_costs_nothing() {
    let mut site = Site::new();
    site.sh("w", "while :; do yes 'many lines, all alike' | head -n 500; sleep 0.05; done");
    site.start();
    site.wait("w", "running");
    let before = procs::rss(site.pid());
    let follow = || {
        let mut stream = http::connect_small(site.port());
        let head = format!("GET /workers/logs/w?follow=1 HTTP/1.1\r\n{HOST}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let start = Instant::now();
    let mut deaf: Vec<TcpStream> = (0..20).map(|_| follow()).collect();
    let mut reader = follow();
    let mut pulse = Some(Pulse::start(site.port()));
    let mut most = 0;
    let mut waste = vec![0; 1 << 16];
    until("all are cut", || {
        assert!(reader.read(&mut waste).unwrap() > 0, "who reads goes on");
        most = most.max(procs::rss(site.pid()));
        // For three seconds: the rest is waiting.
        if let Some(pulse) = pulse.take_if(|_| start.elapsed() > Duration::from_secs(3)) {
            pulse.was_steady();
        }
        deaf.retain(|stream| stream.take_error().unwrap().is_none());
        deaf.is_empty().then_some(())
    });
    assert!(start.elapsed() > Duration::from_secs(29), "{:?}", start.elapsed());
    assert!(most < before + 24, "{before} MiB before, {most} MiB for twenty that do not read");
}

#[test]
fn i7_methods_and_paths_that_are_not_there() {
    let mut site = Site::new();
    site.sh("w", "exec sleep 300");
    site.start();
    site.wait("w", "running");
    let port = site.port();
    for (method, path, status) in [
        ("DELETE", "/workers/w", 405),
        ("PUT", "/health", 405),
        ("POST", "/health", 405),
        ("GET", "/reload", 405),
        ("TRACE", "/health", 405),
        ("OPTIONS", "/workers", 405),
        ("BREW", "/", 405),
        ("GET", "/no/such", 404),
        ("POST", "/no/such", 404),
        ("HEAD", "/health", 200),
        ("HEAD", "/workers", 200),
        ("GET", "/workers/", 200),
        ("GET", "//health", 404),
    ] {
        let answer = http::ask(port, method, path, "", b"");
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        let head = answer.head.to_lowercase();
        assert!(!head.contains("access-control-"), "{head}");
        assert_eq!(head.contains("\nallow: "), status == 405, "{method} {path}: {head}");
        if method == "HEAD" {
            assert!(answer.body.is_empty(), "{method} {path}");
        } else if status != 200 {
            assert_eq!(answer.json()["success"], false);
        }
    }
}

#[test]
fn i8_requests_for_workers_that_go_are_answered() {
    let mut site = Site::new();
    site.set("restart.max_attempts", "0");
    site.sh("bad", "[ -e good ] && exec sleep 300; exit 1").sh("going", "exec sleep 300");
    site.start();
    site.wait("bad", "failed");
    site.wait("going", "running");
    assert_eq!(site.post("/workers/restart/unknown").status, 404);
    site.write("good", "");
    assert_eq!(site.post("/workers/restart/bad?wait=1").status, 200);
    assert_eq!(site.worker("bad")["attempts"], 0);
    std::fs::remove_file(site.path("workers/going.sh")).unwrap();
    until("it is gone", || {
        let status = site.post("/workers/restart/going").status;
        assert!(matches!(status, 200 | 404 | 410), "{status}");
        (status != 200).then_some(())
    });
    site.wait("bad", "running");
    until("it has no process", || (site.processes().len() == 1).then_some(()));
}

#[test]
fn i9_the_picture_is_whole_while_everything_changes() {
    let mut site = Site::new();
    site.set("restart.delay", "'20ms'").set("restart.backoff", "'fixed'");
    site.set("restart.max_attempts", "'unlimited'");
    for n in 0..30 {
        site.sh(&format!("w{n}"), "sleep 0.05; exit 1");
    }
    site.start();
    until("all are known", || {
        (site.json("/workers")["workers"].as_array().unwrap().len() == 30).then_some(())
    });
    let pulse = Pulse::start(site.port());
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        let status = site.json("/workers/status");
        let details = status["workers"]["details"].as_array().unwrap();
        let running = details.iter().filter(|worker| worker["state"] == "running").count();
        assert_eq!(details.len(), 30);
        assert_eq!(status["workers"]["active"].as_array().unwrap().len(), running);
        assert_eq!(status["summary"]["activeWorkers"], running);
    }
    pulse.was_steady();
}

#[test]
fn i11_a_client_that_leaves_changes_nothing() {
    let mut site = Site::new();
    site.sh("w", "trap 'sleep 0.3; exit 0' TERM; while :; do sleep 0.05; done");
    site.start();
    site.wait("w", "running");
    let mut stream = http::connect(site.port());
    let head = format!("POST /workers/restart/w?wait=1 HTTP/1.1\r\n{HOST}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    until("it has begun", || (site.worker("w")["state"] == "stopping").then_some(()));
    drop(stream);
    until("it is done", || (site.worker("w")["starts"] == 2).then_some(()));
    site.wait("w", "running");
    assert_eq!(site.worker("w")["starts"], 2);
}

#[test]
fn i10_a_panic_in_a_handler_costs_one_request() {
    if !cfg!(debug_assertions) {
        procs::leave_out("an optimised arcanos has no failpoints");
        return;
    }
    let mut site = Site::new();
    site.env("ARCANOS_FAILPOINT", "request:/workers/w");
    site.sh("w", "exec sleep 300");
    site.start();
    until("it runs", || (site.json("/health")["workers"]["running"] == 1).then_some(()));
    let before = procs::descriptors(site.pid());
    for _ in 0..20 {
        let answer = site.get("/workers/w");
        assert_eq!((answer.status, &answer.json()["code"]), (500, &"internal_error".into()));
        assert!(!answer.body.contains("failpoint"), "{}", answer.body);
    }
    // On one connection, what comes after it is answered.
    let ask = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\n{HOST}{more}\r\n");
    let requests = ask("/workers/w", "") + &ask("/workers", "Connection: close\r\n");
    let answers = http::raw(site.port(), requests.as_bytes());
    let statuses: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect();
    assert_eq!(statuses, ["500", "200"], "{answers}");
    until("no descriptor is lost", || (procs::descriptors(site.pid()) <= before).then_some(()));
    site.await_text("stderr", "A request made the server panic");
    assert_eq!(site.stop().0.code(), Some(0));
}
