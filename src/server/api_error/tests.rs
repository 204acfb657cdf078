use super::*;
use crate::domain::{State, WorkerId};

#[test]
fn every_no_has_a_stable_code_and_status() {
    let id = || WorkerId::parse("a").expect("a good id");
    let failed = WorkerFailed { worker: id(), state: State::Failed, reason: "exit 9".into() };
    for (api_error, status, code, title) in [
        (ApiError::no_endpoint("/x"), 404, "not_found", "Endpoint not found"),
        (ApiError::no_worker("b"), 404, "worker_not_found", "Worker b not found"),
        (CommandError::Unknown("b".into()).into(), 404, "worker_not_found", "Worker b not found"),
        (CommandError::Disabled(id()).into(), 409, "disabled", "Worker is disabled"),
        (
            CommandError::AlreadyRunning(id()).into(),
            409,
            "already_running",
            "Worker is already running",
        ),
        (CommandError::Stopping.into(), 503, "shutting_down", "Shutting down"),
        (ApiError::workers_failed(&[failed]), 500, "worker_failed", "Worker a failed"),
        (ApiError::bad_config(vec!["x".into()]), 422, "invalid_config", "Config rejected"),
    ] {
        let wire: serde_json::Value = serde_json::from_slice(&api_error.body()).expect("JSON");
        assert_eq!(api_error.status.as_u16(), status);
        assert_eq!((&wire["code"], &wire["error"]), (&code.into(), &title.into()));
        assert_eq!(wire["success"], false);
        assert_ne!(wire["message"], "");
    }
}

#[test]
fn a_long_text_of_a_client_is_not_repeated_whole() {
    let api_error = ApiError::no_worker(&"ü".repeat(5000));
    assert!(api_error.body().len() < 1000);
}
