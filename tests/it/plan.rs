//! The plan before it is carried out: `arcanos check` and `GET /plan` show what a reload would do.

use serde_json::{Value, json};

use crate::site::{Picture, Setup, Site};

const STAYS: &str = "exec sleep 86400";

/// A site that looks at the disk only when it is asked to.
fn site() -> (Site, Picture) {
    let site = Setup::new()
        .set("discovery.watch", "'poll'")
        .set("discovery.scan_interval", "'1h'")
        .set("workers.a.env", "{ COLOUR = '${COLOUR:-none}' }")
        .env("COLOUR", "red")
        .worker("a.sh", STAYS)
        .worker("b.sh", STAYS)
        .worker("c.sh", STAYS)
        .worker("d.sh", STAYS)
        .start();
    let picture = site.wait_running(&["a", "b", "c", "d"]);
    (site, picture)
}

fn check(site: &Site, more: &[&str]) -> Value {
    // The environment of whoever asks is not that of the arcanos that runs.
    let mut command = site.command(&["check", "--json"]);
    let output = command.args(more).env_remove("COLOUR").env("LANG", "C.other").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap()
}

fn assert_nothing_was_done(site: &Site, before: &Picture) {
    let now = site.picture();
    assert_eq!(now.generation(), before.generation());
    assert_eq!(now.ids(), before.ids());
    site.assert_same_runs(before);
}

#[test]
fn check_shows_the_plan_that_a_reload_then_carries_out() {
    let (mut site, before) = site();
    assert_eq!(check(&site, &[])["plan"]["unchanged"], 4);
    site.write("workers/a.sh", "echo second; exec sleep 86400");
    site.remove("workers/b.sh");
    site.write("workers/e.sh", STAYS);
    site.set_all(&[
        ("workers.c.stop.timeout", "'3s'"),
        ("workers.d.args", "['x']"),
        ("workers.d.env", "{ SHAPE = 'round' }"),
    ]);
    let report = check(&site, &[]);
    assert_nothing_was_done(&site, &before);
    assert_eq!(report["running"], json!(site.pid()));
    let expected = json!({
        "started": ["e"],
        "stopped": ["b"],
        "restarted": ["a", "d"],
        "updated": ["c"],
        "unchanged": 0,
        "reasons": {
            "a": "a.sh",
            "b": "its file is no worker any more",
            "c": "stop.timeout",
            "d": "args, env SHAPE",
            "e": "new: e.sh",
        },
    });
    assert_eq!(report["plan"], expected);
    assert_eq!(site.get("/plan")["plan"], expected);
    let text = String::from_utf8(site.run(&["check"]).stdout).unwrap();
    for line in [
        &format!("plan for the arcanos that runs with the pid {}:", site.pid()),
        "  - b stops: its file is no worker any more",
        "  ~ a restarts: a.sh",
        "  ~ c changes in place: stop.timeout",
        "  + e starts: new: e.sh",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_nothing_was_done(&site, &before);
    assert_eq!(site.reload(), expected);
    assert_eq!(check(&site, &[])["plan"]["unchanged"], 4);
}

#[test]
fn check_shows_what_another_config_and_another_profile_would_do() {
    let (site, before) = site();
    let other = "stop.signal = 'SIGINT'\nprofiles.calm.workers.b.enabled = false\n";
    site.write("next.toml", site.config_text() + other);
    let all = json!(["a", "b", "c", "d"]);
    let report = check(&site, &["--config", "next.toml"]);
    assert_eq!((&report["plan"]["updated"], &report["plan"]["restarted"]), (&all, &json!([])));
    let report = check(&site, &["--config", "next.toml", "--profile", "calm"]);
    assert_eq!(report["plan"]["stopped"], json!(["b"]));
    assert_nothing_was_done(&site, &before);
    let left = std::fs::read_dir(site.path(".arcanos")).unwrap();
    let names: Vec<_> = left.map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.contains("draft")), "{names:?}");
    for name in ["0123456789abcdef", "..%2Finstance", ""] {
        let reply = site.request("GET", &format!("/plan?draft={name}"), &[], "");
        assert_eq!((reply.status, &reply.json()["code"]), (404, &json!("no_draft")), "{name}");
    }
}

#[test]
fn what_the_running_one_would_reject_is_said_with_its_errors() {
    let (mut site, before) = site();
    site.set("workers.a.args", "['${SHAPE}']");
    // Set for whoever asks, and not for the arcanos that runs.
    let asked = site.command(&["check"]).env("SHAPE", "round").output().unwrap();
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert_eq!(asked.status.code(), Some(2), "{said}");
    assert!(said.contains("workers.a.args[0]: `${SHAPE}` is not set"), "{said}");
    assert!(said.contains(&format!("pid {} would not take it up", site.pid())), "{said}");
    let reply = site.request("GET", "/plan", &[], "");
    assert_eq!((reply.status, &reply.json()["code"]), (422, &site.post("/reload").json()["code"]));
    assert_nothing_was_done(&site, &before);
    site.set_all(&[("workers.a.args", "[]"), ("state.directory", "'.arcanos/../elsewhere'")]);
    let refused = site.get("/plan")["errors"].to_string();
    assert!(refused.contains("state.directory: cannot change"), "{refused}");
}
