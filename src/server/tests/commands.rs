//! Commands.

use serde_json::json;

use super::{
    bench::{Bench, settled},
    engine::{id, report},
};
use crate::{
    domain::{Command, ReloadResult, State},
    engine::CommandError,
};

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
    bench.post("/workers/run/a", "{\"x\":\n1}").await;
    let asked = bench.runtime.asked.lock().unwrap();
    assert_eq!(asked.len(), 5);
    assert!(matches!(&asked[3], (_, Command::Run(None))));
    assert!(
        matches!(&asked[4], (name, Command::Run(Some(text))) if name == "a" && text == "{\"x\": 1}")
    );
}

#[tokio::test]
async fn a_command_to_all_reaches_those_that_it_concerns() {
    let bench = Bench::new().await;
    for (name, state) in [
        ("done", State::Completed),
        ("held", State::Stopped),
        ("runs", State::Running),
        ("waits", State::Scheduled),
    ] {
        bench.put(name, state);
    }
    for (verb, command, expect) in [
        ("start", Command::Start, &["done", "held"][..]),
        ("stop", Command::Stop, &["done", "runs", "waits"]),
        ("restart", Command::Restart, &["done", "runs", "waits"]),
    ] {
        let reply = bench.post(&format!("/workers/{verb}-all/"), "").await;
        assert_eq!(reply.json()["message"], format!("All workers {verb} initiated"));
        let asked = std::mem::take(&mut *bench.runtime.asked.lock().unwrap());
        assert!(asked.iter().all(|(_, asked)| *asked == command), "{asked:?}");
        let names: Vec<_> = asked.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, expect, "{verb}");
    }
}

#[tokio::test]
async fn a_command_to_all_that_waits_hears_of_every_failure() {
    let bench = Bench::new().await;
    bench.put("a", State::Failed);
    bench.put("b", State::Running);
    bench.put("c", State::Failed);
    let reply = bench.post("/workers/restart-all?wait=1", "").await;
    let wire = reply.json();
    assert_eq!((reply.status, &wire["code"]), (500, &json!("worker_failed")));
    assert_eq!(wire["error"], "2 workers failed");
    let message = wire["message"].as_str().unwrap();
    assert!(message.contains("worker a is") && message.contains("worker c is"), "{wire}");
}

#[tokio::test]
async fn a_signal_is_named_and_sent() {
    let bench = Bench::new().await;
    bench.put("a", State::Running);
    for (query, status) in [
        ("?signal=SIGUSR2", 200),
        ("?signal=usr2", 200),
        ("?signal=SIGNOPE", 400),
        ("?signal=", 400),
        ("", 400),
    ] {
        let reply = bench.post(&format!("/workers/signal/a{query}"), "").await;
        assert_eq!(reply.status, status, "{query}");
    }
    assert_eq!(bench.post("/workers/signal/nobody?signal=SIGNOPE", "").await.status, 404);
    let asked = bench.runtime.asked.lock().unwrap();
    let all = asked.iter().all(|(_, command)| *command == Command::Signal(12));
    assert!(all && asked.len() == 2, "{asked:?}");
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
        (CommandError::NotRunning(id("a")), 409, "not_running"),
        (CommandError::Stopping, 503, "shutting_down"),
    ] {
        *bench.runtime.refusal.lock().unwrap() = Some(refusal);
        let reply = bench.post("/workers/start/a", "").await;
        assert_eq!((reply.status, reply.json()["code"].as_str()), (status, Some(code)));
    }
    bench.put("b", State::Running);
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
async fn a_reload_returns_its_plan_or_what_is_wrong() {
    let bench = Bench::new().await;
    let refused = report(ReloadResult::Applied, &["state.directory needs a restart"]);
    *bench.reloads.lock().unwrap() =
        vec![report(ReloadResult::Rejected, &["arcanos.toml:1:1: x"]), refused];
    let reply = bench.post("/reload", "").await;
    insta::assert_snapshot!(settled(&reply), @r#"
    {
      "errors": [
        "state.directory needs a restart"
      ],
      "generation": 2,
      "plan": {
        "reasons": {
          "a": "new: a.js"
        },
        "restarted": [],
        "started": [
          "a"
        ],
        "stopped": [],
        "unchanged": 3,
        "updated": []
      },
      "success": true,
      "timestamp": "…"
    }
    "#);
    let reply = bench.post("/reload", "").await;
    assert_eq!((reply.status, &reply.json()["code"]), (422, &json!("invalid_config")));
    assert_eq!(reply.json()["errors"], json!(["arcanos.toml:1:1: x"]));
    assert_eq!(reply.json()["success"], false);
    assert!(bench.post("/reload", "").await.json().get("errors").is_none());
}
