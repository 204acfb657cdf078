use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::*;

fn snapshot() -> StatusSnapshot {
    let status = json!({
        "generation": 7,
        "workers": {
            "errors": {
                "planner": "exited with code 1: the package `openai` is missing; run `npm install openai` in workers/"
            },
            "details": [
                { "id": "goalWatcher", "state": "running", "pid": 4711, "uptimeSeconds": 3840.5,
                  "attempts": 0, "maxAttempts": 3, "model": "gpt-4o-mini", "changed": true,
                  "lastExit": { "code": null, "signal": "SIGTERM", "at": "2026-11-23T15:56:00.000Z" } },
                { "id": "planner", "state": "backoff", "attempts": 1, "maxAttempts": 3,
                  "model": "gpt-4o-2024-11-20-preview-long", "nextStartAt": "2026-11-23T17:00:09.600Z",
                  "lastExit": { "code": 1, "at": "2026-11-23T17:00:00.000Z" } },
                { "id": "a-worker-with-a-name-of-sixty-four-characters-that-fits-nowhere.x",
                  "state": "completed", "attempts": 2, "maxAttempts": "unlimited",
                  "lastExit": { "code": 0 }, "warnings": ["one", "two"] }
            ]
        }
    });
    StatusSnapshot {
        status: serde_json::from_value(status).expect("a status"),
        health: wire_health(&[
            "`arcanos.toml:3:1`: unknown key `servr`\nthe last good config stays",
        ]),
        pid: 77,
        address: "http://127.0.0.1:3000".to_owned(),
    }
}

fn wire_health(problems: &[&str]) -> crate::cli::wire::Health {
    let error = "arcanos.toml:38:12: workers.hello.schedule: `every ten seconds` is not a schedule, \
                 expected cron, like \"*/15 * * * *\", or \"every 10m\"";
    let value = json!({
        "status": "degraded",
        "version": "0.1.0",
        "problems": problems,
        "config": { "error": error },
        "ai": { "error": null },
    });
    serde_json::from_value(value).expect("a health")
}

fn render(snapshot: &StatusSnapshot, width: Option<u16>, colours: Colours) -> String {
    let now = "2026-11-23T17:00:00Z".parse().expect("a moment");
    lines(snapshot, &TableLayout { width, colours, now }).join("\n")
}

#[test]
fn the_table_fits_80_and_120_columns_and_a_pipe() {
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../../snapshots" }, {
        insta::assert_snapshot!("status-80", render(&snapshot(), Some(80), Colours::Hidden));
        insta::assert_snapshot!("status-120", render(&snapshot(), Some(120), Colours::Hidden));
        insta::assert_snapshot!("status-pipe", render(&snapshot(), None, Colours::Hidden));
    });
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [40, 60, 80, 100, 120, 200] {
        for line in render(&snapshot(), Some(width), Colours::Hidden).lines() {
            assert!(line.width() <= usize::from(width), "{width}: {line}");
        }
    }
}

#[test]
fn colours_change_no_text_and_mark_every_state() {
    let plain = render(&snapshot(), Some(80), Colours::Hidden);
    let painted = render(&snapshot(), Some(80), Colours::Shown);
    for part in
        ["\u{1b}[32mrunning\u{1b}[0m", "\u{1b}[33mbackoff\u{1b}[0m", "\u{1b}[2mcompleted\u{1b}[0m"]
    {
        assert!(painted.contains(part), "{part:?} in {painted:?}");
    }
    let stripped =
        regex::Regex::new("\u{1b}\\[[0-9]+m").expect("a pattern").replace_all(&painted, "");
    assert_eq!(stripped, plain);
}

#[test]
fn hostile_text_steers_no_terminal() {
    let mut snapshot = snapshot();
    let worker = &mut snapshot.status.workers.details[0];
    worker.model = Some("\u{1b}[2J\u{9b}".to_owned());
    worker.state = "run\u{7}ning".to_owned();
    snapshot.health.problems = vec!["\u{1b}]0;x\u{7}".to_owned()];
    let text = render(&snapshot, None, Colours::Hidden);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn an_empty_folder_says_where_to_look() {
    let snapshot = StatusSnapshot { health: wire_health(&[]), ..StatusSnapshot::default() };
    assert!(render(&snapshot, Some(80), Colours::Hidden).contains("0 workers\n`arcanos scan`"));
}

#[test]
fn an_end_that_nothing_explains_shows_its_last_words() {
    let last = |cause: Option<&str>, reason: &str| {
        json!({ "code": 3, "cause": cause, "reason": reason, "at": "2026-11-23T16:59:00.000Z",
                "lastLines": ["it began", "no\u{1b}[2J space ", " "] })
    };
    let note_of = |exit: Value| {
        let value =
            json!({ "id": "a", "state": "failed", "reason": exit["reason"], "lastExit": exit });
        let worker = serde_json::from_value(value).expect("a worker");
        note(&StatusSnapshot::default(), &worker, "2026-11-23T17:00:00Z".parse().expect("a moment"))
    };
    assert_eq!(note_of(last(None, "exited with code 3")), "exited with code 3: no\\x1b[2J space");
    let explained = "a missing package (exited with code 3)";
    assert_eq!(note_of(last(Some("a missing package"), explained)), explained);
}

#[test]
fn what_needs_a_person_comes_first_and_a_loop_keeps_its_place() {
    let workers = [("running", 0), ("stopped", 0), ("running", 2), ("failed", 3), ("backoff", 1)];
    let mut order: Vec<_> = workers
        .iter()
        .map(|(state, attempts)| {
            let value = json!({ "state": state, "attempts": attempts });
            trouble(&serde_json::from_value(value).expect("a worker"))
        })
        .collect();
    assert!(order[2] == order[4] && order[3] < order[2] && order[2] < order[0]);
    order.sort_unstable();
    assert_eq!(order.first(), Some(&0));
}

#[test]
fn a_trouble_is_shown_once() {
    let mut snapshot = snapshot();
    let error = snapshot.health.config.error.clone().expect("it has one");
    snapshot.health.problems = vec![error, "another".to_owned()];
    let text = render(&snapshot, None, Colours::Hidden);
    assert_eq!(text.matches("every ten seconds").count(), 1, "{text}");
    assert!(text.ends_with("problem: another"), "{text}");
}
