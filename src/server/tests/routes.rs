//! What each route answers.

use serde_json::json;

use super::bench::{Bench, Reply, id, moment, report, worker};
use crate::{
    domain::{Attempts, ReloadResult, State},
    engine::{CommandError, Verb},
};

/// The answer with what differs from time to time put aside.
fn settled(reply: &Reply) -> String {
    let mut wire = reply.json();
    for path in ["/timestamp", "/system/uptimeSeconds", "/system/memoryBytes", "/system/pid"] {
        if let Some(value) = wire.pointer_mut(path) {
            assert!(value.is_string() || value.is_number(), "{path} of {wire}");
            *value = "…".into();
        }
    }
    serde_json::to_string_pretty(&wire).unwrap()
}

#[tokio::test]
async fn health_tells_how_everything_stands() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    bench.put("b", State::Failed);
    insta::assert_snapshot!(settled(&bench.get("/health").await), @"");
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
    let mut view = worker("a", State::Backoff);
    view.next_start_at = Some(moment());
    view.max_attempts = Attempts::Unlimited;
    bench.handle.0.board.put(view, None);
    insta::assert_snapshot!(settled(&bench.get("/workers/a").await), @"");
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
    insta::assert_snapshot!(serde_json::to_string_pretty(&wire).unwrap(), @"");
}

#[tokio::test]
async fn a_change_is_seen_by_the_very_next_request() {
    let bench = Bench::new().await;
    for state in [State::Running, State::Stopping, State::Stopped].repeat(20) {
        bench.put("a", state);
        for path in ["/workers/status", "/workers"] {
            let wire = bench.get(path).await.json();
            let details = wire.pointer("/workers/details/0").or(wire.pointer("/workers/0"));
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
async fn commands_reach_the_engine_and_are_answered_in_known_words() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    for verb in ["restart", "start", "stop", "run"] {
        let reply = bench.post(&format!("/workers/{verb}/a"), "").await;
        let wire = reply.json();
        assert_eq!(reply.status, 200);
        assert_eq!(wire["message"], format!("Worker a {verb} initiated"));
        assert_eq!((&wire["success"], &wire["generation"]), (&json!(true), &json!(1)));
        assert!(wire["timestamp"].is_string());
    }
    let wire = bench.post("/workers/restart-all/", "").await.json();
    assert_eq!(wire["message"], "All workers restart initiated");
    bench.post("/workers/run/a", "{\"x\":\n1}").await;
    let asked = bench.runtime.asked.lock().unwrap();
    assert_eq!(asked.len(), 5);
    assert!(matches!(&asked[3], (_, Verb::Run(None))));
    assert!(matches!(&asked[4], (name, Verb::Run(Some(text))) if name == "a" && text == "{\"x\": 1}"));
}

#[tokio::test]
async fn a_request_that_waits_hears_how_it_went() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    assert_eq!(bench.post("/workers/restart/a?wait=1", "").await.status, 200);
    bench.put("a", State::Failed);
    let reply = bench.post("/workers/restart/a?wait=1", "").await;
    let wire = reply.json();
    assert_eq!((reply.status, &wire["code"]), (500, &json!("worker_failed")));
    assert!(wire["message"].as_str().unwrap().contains("it exited with 9"), "{wire}");
}

#[tokio::test]
async fn what_the_engine_refuses_is_said() {
    let bench = Bench::new().await;
    bench.put("a", State::Stopped);
    for (refusal, status, code) in [
        (CommandError::Unknown("a".into()), 404, "worker_not_found"),
        (CommandError::Disabled(id("a")), 409, "disabled"),
        (CommandError::AlreadyRunning(id("a")), 409, "already_running"),
        (CommandError::Stopping, 503, "shutting_down"),
    ] {
        *bench.runtime.refusal.lock().unwrap() = Some(refusal);
        let reply = bench.post("/workers/start/a", "").await;
        assert_eq!((reply.status, reply.json()["code"].as_str()), (status, Some(code)));
    }
    assert_eq!(bench.post("/workers/restart-all", "").await.status, 503);
}

#[tokio::test]
async fn a_bad_input_starts_nothing() {
    let bench = Bench::new().await;
    bench.put("a", State::Stopped);
    for body in ["{", "not json", "{} {}"] {
        let reply = bench.post("/workers/run/a", body).await;
        assert_eq!((reply.status, &reply.json()["code"]), (400, &json!("bad_request")));
    }
    assert_eq!(bench.post("/workers/run/nosuch", "{").await.status, 404);
    assert_eq!(bench.runtime.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_reload_tells_its_plan_or_what_is_wrong() {
    let bench = Bench::new().await;
    let refused = report(ReloadResult::Applied, &["state.directory needs a restart"]);
    *bench.reloads.lock().unwrap() =
        vec![report(ReloadResult::Rejected, &["arcanos.toml:1:1: x"]), refused];
    let reply = bench.post("/reload", "").await;
    insta::assert_snapshot!(settled(&reply), @"");
    let reply = bench.post("/reload", "").await;
    assert_eq!((reply.status, &reply.json()["code"]), (422, &json!("invalid_config")));
    assert_eq!(reply.json()["errors"], json!(["arcanos.toml:1:1: x"]));
    assert_eq!(reply.json()["success"], false);
    assert!(bench.post("/reload", "").await.json().get("errors").is_none());
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
    assert!(page.header("content-security-policy").is_some_and(|p| p.contains("default-src 'none'")));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn metrics_name_the_workers_there_are() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    bench.put("b", State::Failed);
    let reply = bench.get("/metrics").await;
    assert!(reply.header("content-type").is_some_and(|kind| kind.starts_with("application/openmetrics-text")));
    for line in [
        "# TYPE arcanos_worker_up gauge",
        "# HELP arcanos_worker_starts Runs of the worker since arcanos started.",
        "arcanos_worker_up{worker=\"a\"} 1.0",
        "arcanos_worker_up{worker=\"b\"} 0.0",
        "arcanos_worker_state{worker=\"b\",state=\"failed\"} 1.0",
        "arcanos_worker_starts_total{worker=\"a\"} 2.0",
        "arcanos_worker_exits_total{worker=\"b\",code=\"9\",signal=\"\"} 1.0",
        "arcanos_worker_memory_bytes{worker=\"a\"} 4096.0",
        "arcanos_log_bytes_total{worker=\"a\"} 0.0",
        "arcanos_reloads_total{result=\"applied\"} 0.0",
        "arcanos_generation 1.0",
        "# EOF",
    ] {
        assert!(reply.body.lines().any(|l| l == line), "{line} in\n{}", reply.body);
    }
    assert!(reply.body.contains("\nprocess_cpu_seconds_total "), "{}", reply.body);
    bench.handle.0.board.remove(&id("b"));
    assert!(!bench.get("/metrics").await.body.contains("worker=\"b\""));
}

#[tokio::test]
async fn unknown_paths_workers_and_methods_are_told_apart() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    for (line, status, error) in [
        ("GET /nosuch", 404, "Endpoint not found"),
        ("GET /workers/logs", 404, "Worker logs not found"),
        ("GET /workers/a/b", 404, "Endpoint not found"),
        ("GET //", 404, "Endpoint not found"),
        ("POST /workers/restart/nosuch", 404, "Worker nosuch not found"),
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
async fn every_answer_wears_the_same_headers() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    for line in [
        "GET /", "GET /health", "GET /workers", "GET /workers/a", "GET /workers/status",
        "GET /workers/logs/a", "GET /discovery", "GET /config", "GET /metrics", "GET /nosuch",
        "DELETE /workers", "POST /workers/restart/a", "OPTIONS /reload",
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
    for path in ["/health", "/workers", "/workers/a", "/workers/status", "/workers/logs/a", "/metrics"] {
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
