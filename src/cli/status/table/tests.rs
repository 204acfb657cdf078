use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::*;

fn picture() -> Picture {
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
    Picture {
        status: serde_json::from_value(status).expect("a status"),
        health: wire_health(&[
            "`arcanos.toml:3:1`: unknown key `servr`\nthe last good config stays",
        ]),
        pid: 77,
        address: "http://127.0.0.1:3000".to_owned(),
    }
}

fn wire_health(problems: &[&str]) -> crate::cli::wire::Health {
    let error = "arcanos.toml:38:12: workers.hello.schedule: `every ten seconds` is no schedule, \
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

fn render(picture: &Picture, width: Option<u16>, colours: Colours) -> String {
    let now = "2026-11-23T17:00:00Z".parse().expect("a moment");
    lines(picture, &View { width, colours, now }).join("\n")
}

#[test]
fn the_table_fits_80_and_120_columns_and_a_pipe() {
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../../snapshots" }, {
        insta::assert_snapshot!("status-80", render(&picture(), Some(80), Colours::Hidden));
        insta::assert_snapshot!("status-120", render(&picture(), Some(120), Colours::Hidden));
        insta::assert_snapshot!("status-pipe", render(&picture(), None, Colours::Hidden));
    });
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [40, 60, 80, 100, 120, 200] {
        for line in render(&picture(), Some(width), Colours::Hidden).lines() {
            assert!(line.width() <= usize::from(width), "{width}: {line}");
        }
    }
}

#[test]
fn colours_change_no_text_and_mark_every_state() {
    let plain = render(&picture(), Some(80), Colours::Hidden);
    let painted = render(&picture(), Some(80), Colours::Shown);
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
    let mut picture = picture();
    let worker = &mut picture.status.workers.details[0];
    worker.model = Some("\u{1b}[2J\u{9b}".to_owned());
    worker.state = "run\u{7}ning".to_owned();
    picture.health.problems = vec!["\u{1b}]0;x\u{7}".to_owned()];
    let text = render(&picture, None, Colours::Hidden);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn an_empty_folder_says_where_to_look() {
    let picture = Picture { health: wire_health(&[]), ..Picture::default() };
    assert!(render(&picture, Some(80), Colours::Hidden).contains("0 workers\n`arcanos scan`"));
}
