//! The response of each route.

use serde_json::json;

use super::{
    bench::{Bench, settled},
    engine::{id, moment, worker},
};
use crate::domain::{Attempts, State, WorkerView};

#[tokio::test]
async fn health_shows_all_parts() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    bench.put("b", State::Failed);
    insta::assert_snapshot!(settled(&bench.get("/health").await), @r#"
    {
      "ai": {
        "defaultModel": "gpt-4o-mini",
        "error": null,
        "reachable": null,
        "upstream": "echo"
      },
      "config": {
        "error": null,
        "file": "/srv/arcanos.toml",
        "generation": 1,
        "loadedAt": "2026-11-23T17:00:00.500Z"
      },
      "discovery": {
        "directory": "/srv/workers",
        "error": null,
        "watcher": "native"
      },
      "problems": [],
      "service": "ARCANOS",
      "status": "OK",
      "system": {
        "environment": "development",
        "memoryBytes": "…",
        "pid": "…",
        "uptimeSeconds": "…"
      },
      "timestamp": "…",
      "version": "0.1.0",
      "workers": {
        "backoff": 0,
        "completed": 0,
        "failed": 1,
        "running": 1,
        "scheduled": 0,
        "starting": 0,
        "stopped": 0,
        "stopping": 0,
        "total": 2
      }
    }
    "#);
    assert_eq!(bench.get("/health?strict=1").await.status, 200);
    bench.handle.set_problem("x", Some("the disk is full".to_owned()));
    let reply = bench.get("/health").await;
    assert_eq!((reply.status, &reply.json()["status"]), (200, &json!("degraded")));
    assert_eq!(reply.json()["problems"], json!(["the disk is full"]));
    assert_eq!(bench.get("/health?strict=1").await.status, 503);
    assert_eq!(bench.get("/health?strict=perhaps").await.status, 400);
}

#[tokio::test]
async fn a_worker_is_shown_with_all_that_is_known_of_it() {
    let bench = Bench::new().await;
    let (next_start_at, max_attempts) = (Some(moment()), Attempts::Unlimited);
    let view = WorkerView { next_start_at, max_attempts, ..worker("a", State::Backoff) };
    bench.handle.0.board.put(view, None);
    insta::assert_snapshot!(settled(&bench.get("/workers/a").await), @r#"
    {
      "attempts": 1,
      "changed": false,
      "cpuSeconds": null,
      "enabled": true,
      "file": "a.js",
      "id": "a",
      "lastActivity": null,
      "lastExit": {
        "at": "2026-11-23T17:00:00.500Z",
        "cause": null,
        "code": 9,
        "lastLines": [
          "all is lost"
        ],
        "peakMemoryBytes": 50331648,
        "reason": null,
        "signal": null,
        "uptimeSeconds": 1.25
      },
      "lastRunAt": "2026-11-23T17:00:00.500Z",
      "log": {
        "bytes": 0,
        "dropped": 0,
        "lines": 0
      },
      "maxAttempts": null,
      "memoryBytes": null,
      "mode": "auto",
      "model": "gpt-4o-mini",
      "nextStartAt": "2026-11-23T17:00:00.500Z",
      "pid": null,
      "reason": "it exited with 9",
      "recentRuns": [
        {
          "code": 9,
          "outcome": "failed",
          "reason": null,
          "signal": null,
          "startedAt": "2026-11-23T17:00:00.500Z",
          "uptimeSeconds": 1.25
        }
      ],
      "rule": "openai-node",
      "runId": "i-7",
      "skippedRuns": 0,
      "startedAt": null,
      "starts": 2,
      "state": "backoff",
      "uptimeSeconds": null,
      "warnings": [
        "AI_MODEL is not passed on"
      ]
    }
    "#);
}

#[tokio::test]
async fn a_worker_that_is_up_is_shown_with_its_process() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    let wire = bench.get("/workers/a").await.json();
    assert_eq!((&wire["pid"], &wire["maxAttempts"]), (&json!(4711), &json!(3)));
    assert_eq!((&wire["memoryBytes"], &wire["cpuSeconds"]), (&json!(4096), &json!(0.25)));
    assert!(wire["uptimeSeconds"].as_f64().is_some_and(|age| age < 10.0), "{wire}");
    assert_eq!(bench.get("/workers").await.json()["workers"][0]["id"], "a");
}

#[tokio::test]
async fn the_status_keeps_the_shape_of_the_node_system() {
    let bench = Bench::new().await;
    for (name, state) in [
        ("a", State::Running),
        ("b", State::Failed),
        ("c", State::Completed),
        ("d", State::Backoff),
        ("e", State::Starting),
    ] {
        bench.put(name, state);
    }
    let mut wire = bench.get("/workers/status").await.json();
    let details = wire["workers"]["details"].take();
    let ids: Vec<_> = details.as_array().unwrap().iter().map(|w| w["id"].clone()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "e"]);
    wire["timestamp"] = "…".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&wire).unwrap(), @r#"
    {
      "generation": 1,
      "summary": {
        "activeWorkers": 1,
        "errorWorkers": 2,
        "totalWorkers": 5
      },
      "system": {
        "environment": "development",
        "memoryPath": "/srv/memory/session.log",
        "model": "gpt-4o-mini"
      },
      "timestamp": "…",
      "workers": {
        "active": [
          "a"
        ],
        "details": null,
        "errors": {
          "b": "it exited with 9",
          "d": "it exited with 9"
        },
        "lastRunTimestamps": {
          "a": "2026-11-23T17:00:00.500Z",
          "b": "2026-11-23T17:00:00.500Z",
          "c": "2026-11-23T17:00:00.500Z",
          "d": "2026-11-23T17:00:00.500Z",
          "e": "2026-11-23T17:00:00.500Z"
        },
        "uptime": {
          "a": "0s"
        }
      }
    }
    "#);
}

#[tokio::test]
async fn a_change_is_seen_by_the_very_next_request() {
    let bench = Bench::new().await;
    for state in [State::Running, State::Stopping, State::Stopped].repeat(20) {
        bench.put("a", state);
        for path in ["/workers/status", "/workers"] {
            let wire = bench.get(path).await.json();
            let details = wire.pointer("/workers/details/0").or_else(|| wire.pointer("/workers/0"));
            assert_eq!(details.unwrap()["state"], state.as_str(), "{path}");
        }
    }
}

#[tokio::test]
async fn more_workers_than_are_rendered_at_once_are_all_shown() {
    let bench = Bench::new().await;
    for n in 0..200 {
        bench.put(&format!("w{n}"), State::Running);
    }
    let wire = bench.get("/workers/status").await.json();
    assert_eq!(wire["summary"]["totalWorkers"], 200);
    assert_eq!(wire["workers"]["details"][199]["memoryBytes"], 4096);
}

#[tokio::test]
async fn config_and_discovery_are_shown_as_they_are() {
    let bench = Bench::new().await;
    let config = bench.get("/config").await.json();
    assert_eq!(config["sources"]["server.token"], "file");
    assert_eq!((&config["generation"], &config["lastReload"]), (&json!(1), &json!(null)));
    let discovery = bench.get("/discovery/").await.json();
    assert_eq!(discovery, json!({"directory": "/srv/workers", "files": []}));
}

#[tokio::test]
async fn the_root_knows_browsers() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("/").await.body, "ARCANOS is live");
    let page = bench.ask("GET", "/", &[("Accept", "text/html,*/*;q=0.8")], "").await;
    assert!(page.body.to_lowercase().contains("<html"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(
        page.header("content-security-policy").is_some_and(|p| p.contains("default-src 'none'"))
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn metrics_name_the_workers_there_are() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    bench.put("b", State::Failed);
    let reply = bench.get("/metrics").await;
    assert!(
        reply
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4"))
    );
    for line in [
        "# TYPE arcanos_worker_up gauge",
        "# TYPE process_cpu_seconds_total counter",
        "# TYPE arcanos_worker_starts_total counter",
        "# HELP arcanos_worker_starts_total Runs of the worker since arcanos started.",
        "arcanos_worker_up{worker=\"a\"} 1.0",
        "arcanos_worker_up{worker=\"b\"} 0.0",
        "arcanos_worker_state{worker=\"b\",state=\"failed\"} 1.0",
        "arcanos_worker_starts_total{worker=\"a\"} 2.0",
        "arcanos_worker_exits_total{worker=\"b\",code=\"9\",signal=\"\"} 1.0",
        "arcanos_worker_memory_bytes{worker=\"a\"} 4096.0",
        "arcanos_log_bytes_total{worker=\"a\"} 0.0",
        "arcanos_reloads_total{result=\"applied\"} 0.0",
        "arcanos_generation 1.0",
    ] {
        assert!(reply.body.lines().any(|l| l == line), "{line} in\n{}", reply.body);
    }
    assert!(reply.body.contains("\nprocess_cpu_seconds_total "), "{}", reply.body);
    bench.handle.0.board.remove(&id("b"));
    assert!(!bench.get("/metrics").await.body.contains("worker=\"b\""));
}

#[tokio::test]
async fn unknown_paths_workers_and_methods_are_distinguished() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    for (line, status, error) in [
        ("GET /nosuch", 404, "Endpoint not found"),
        ("GET /workers/logs", 404, "Worker logs not found"),
        ("GET /workers/a/b", 404, "Endpoint not found"),
        ("GET /workers/nosuch", 404, "Worker nosuch not found"),
        ("GET /workers/logs/nosuch", 404, "Worker nosuch not found"),
        ("GET /workers/..", 404, "Worker .. not found"),
        ("GET /workers/logs/%2e%2e%2fx", 404, "Worker ../x not found"),
        ("GET /workers/%00", 404, "Worker \0 not found"),
        ("GET /workers/__proto__", 404, "Worker __proto__ not found"),
        ("GET /workers/%ff", 400, "Bad request"),
        ("GET /workers/%zz", 400, "Bad request"),
        ("POST /health", 405, "Method not allowed"),
        ("DELETE /workers", 405, "Method not allowed"),
        ("PUT /workers/a", 405, "Method not allowed"),
        ("GET /workers/restart-all", 405, "Method not allowed"),
        ("GET /workers/restart/a", 405, "Method not allowed"),
        ("OPTIONS /workers/restart/a", 405, "Method not allowed"),
        ("TRACE /health", 405, "Method not allowed"),
    ] {
        let (method, path) = line.split_once(' ').unwrap();
        let reply = bench.ask(method, path, &[], "").await;
        assert_eq!((reply.status, &reply.json()["error"]), (status, &json!(error)), "{line}");
        let allow = reply.header("allow");
        let expect = match (status, path.starts_with("/workers/restart")) {
            (405, true) => Some("post"),
            (405, false) => Some("get,head"),
            _ => None,
        };
        assert_eq!(allow, expect, "{line}");
    }
}

#[tokio::test]
async fn every_response_has_the_same_headers() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    for line in [
        "GET /",
        "GET /health",
        "GET /workers",
        "GET /workers/a",
        "GET /workers/status",
        "GET /workers/logs/a",
        "GET /discovery",
        "GET /config",
        "GET /metrics",
        "GET /nosuch",
        "DELETE /workers",
        "POST /workers/restart/a",
        "OPTIONS /reload",
    ] {
        let (method, path) = line.split_once(' ').unwrap();
        let origin = format!("http://{}", bench.address);
        let reply = bench.ask(method, path, &[("Origin", &origin)], "").await;
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{line}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{line}");
        assert!(!reply.head.contains("access-control"), "{line}");
    }
}

#[tokio::test]
async fn head_and_a_trailing_slash_are_no_difference() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    for path in
        ["/health", "/workers", "/workers/a", "/workers/status", "/workers/logs/a", "/metrics"]
    {
        let head = bench.ask("HEAD", path, &[], "").await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        let slash = bench.get(&format!("{path}/?x=1")).await;
        assert_eq!(slash.status, 200, "{path}");
        assert!(!slash.body.is_empty(), "{path}");
    }
    assert_eq!(bench.ask("HEAD", "/nosuch", &[], "").await.status, 404);
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    *bench.runtime.must_panic.lock().unwrap() = true;
    let reply = bench.get("/workers/a").await;
    assert_eq!((reply.status, &reply.json()["code"]), (500, &json!("internal_error")));
    *bench.runtime.must_panic.lock().unwrap() = false;
    assert_eq!(bench.get("/workers/a").await.status, 200);
}

#[tokio::test]
async fn health_is_as_strict_as_it_is_asked_to_be() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    let status = async |query: &str| bench.get(&format!("/health{query}")).await.status;
    for query in ["", "?strict=1", "?strict=workers"] {
        assert_eq!(status(query).await, 200, "{query}");
    }
    bench.put("b", State::Failed);
    for (query, expect) in
        [("", 200), ("?strict=1", 200), ("?strict=workers", 503), ("?strict=much", 400)]
    {
        assert_eq!(status(query).await, expect, "{query}");
    }
    bench.put("b", State::Running);
    bench.handle.set_problem("test", Some("the roof is on fire".to_owned()));
    for (query, expect) in [("", 200), ("?strict=1", 503), ("?strict=workers", 503)] {
        assert_eq!(status(query).await, expect, "{query}");
    }
}
