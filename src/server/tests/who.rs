//! Access control through the whole server; the rules themselves are tested in `guard`.

use super::bench::{Bench, Reply};
use crate::{domain::State, server::serve::TIMEOUTS};

#[tokio::test]
async fn strangers_are_refused_before_anything_is_looked_up() {
    let bench = Bench::new().await;
    for (host, status) in [("evil.com", 403), ("localhost.evil.com", 403), ("localhost", 200)] {
        let text = format!("GET /workers HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(Reply::parse(&bench.raw(text.as_bytes()).await).status, status, "{host}");
    }
    let none = bench.raw(b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert_eq!(Reply::parse(&none).status, 400);
    let evil = [("Origin", "https://evil.example")];
    for line in ["POST /workers/restart/a", "GET /nosuch", "GET /events"] {
        let (method, path) = line.split_once(' ').unwrap();
        let reply = bench.ask(method, path, &evil, "").await;
        assert_eq!((reply.status, reply.json()["code"].as_str()), (403, Some("forbidden_origin")));
    }
    assert_eq!(bench.runtime.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_token_counts_from_the_request_after_its_edit() {
    let bench = Bench::with(|s| s.token = Some("first".into()), TIMEOUTS).await;
    bench.put("a", State::Running);
    let ask = async |token: &str| {
        let value = format!("Bearer {token}");
        bench.ask("GET", "/workers", &[("Authorization", &value)], "").await.status
    };
    let reply = bench.get("/nosuch").await;
    assert_eq!((reply.status, reply.json()["code"].as_str()), (401, Some("unauthorized")));
    assert_eq!(reply.header("www-authenticate"), Some("bearer realm=\"arcanos\""));
    assert_eq!(bench.get("/health").await.status, 200);
    assert_eq!((ask("first").await, ask("second").await), (200, 401));
    bench.configure(|s| s.token = Some("second".into()));
    assert_eq!((ask("first").await, ask("second").await), (401, 200));
    bench.configure(|s| s.token = None);
    assert_eq!(bench.get("/workers").await.status, 200);
}

#[tokio::test]
async fn without_the_token_health_says_how_many_errors_there_are_and_not_which() {
    let bench = Bench::with(|s| s.token = Some("first".into()), TIMEOUTS).await;
    bench.handle.0.board.update(|snapshot| {
        snapshot.config.error = Some("one hush\ntwo hush".to_owned());
        snapshot.discovery.error = Some("three hush".to_owned());
        snapshot.ai.error = Some("four hush".to_owned());
        snapshot.ai.reachable = Some(false);
    });
    bench.handle.set_problem("x", Some("five hush".to_owned()));
    for token in [None, Some("Bearer wrong")] {
        let header: Vec<_> = token.map(|token| ("Authorization", token)).into_iter().collect();
        let reply = bench.ask("GET", "/health", &header, "").await;
        let json = reply.json();
        assert!(!json.to_string().contains("hush"), "{json}");
        assert_eq!((reply.status, json["status"].as_str()), (200, Some("degraded")));
        assert_eq!(json["config"]["error"], "[with the token]");
        assert_eq!(json["config"]["errors"], 2);
        assert_eq!(json["problems"].as_array().map(Vec::len), Some(4));
    }
    let known = bench.ask("GET", "/health", &[("Authorization", "Bearer first")], "").await.json();
    assert_eq!(known["config"]["error"], "one hush\ntwo hush");
    assert!(known["config"].get("errors").is_none());
    assert_eq!(known["problems"].as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn allowed_hosts_count_from_the_request_after_their_edit() {
    let bench = Bench::new().await;
    let text = b"GET /workers HTTP/1.1\r\nHost: arcanos.test\r\nConnection: close\r\n\r\n";
    assert_eq!(Reply::parse(&bench.raw(text).await).status, 403);
    bench.configure(|s| s.allowed_hosts = vec!["arcanos.test".to_owned()]);
    assert_eq!(Reply::parse(&bench.raw(text).await).status, 200);
}
