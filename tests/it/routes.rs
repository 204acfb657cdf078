//! The routes: the shape of each answer, who may ask, and what is refused.

use std::io::Write;

use serde_json::{Value, json};

use crate::{
    site::{Setup, Site},
    support::{http::connect_small, processes::rss},
};

const STAYS: &str = "echo up; exec sleep 86400";

fn site() -> Site {
    let site = Setup::new()
        .set("workers.done.schedule", "'0 4 1 1 *'")
        .set("workers.broken.restart.max_attempts", "0")
        .env("OPENAI_API_KEY", "sk-routes-0123456789abcdef")
        .worker("a.sh", STAYS)
        .worker("broken.sh", "exit 3")
        .worker("done.sh", "exit 0")
        .worker("notes.txt", "no worker")
        .start();
    site.wait_state("a", "running");
    site.wait_state("broken", "failed");
    site.wait_state("done", "scheduled");
    site.wait_said("[a] up");
    site.wait_health("the stand-in to be seen", |health| health["ai"]["reachable"] == true);
    site
}

/// The answer with everything blanked that differs from run to run.
fn blanked(site: &Site, mut value: Value) -> String {
    blank(&mut value);
    let text = serde_json::to_string_pretty(&value).unwrap();
    text.replace(&site.root().display().to_string(), "[site]")
}

fn blank(value: &mut Value) {
    const NUMBERS: [&str; 7] =
        ["pid", "uptimeSeconds", "memoryBytes", "cpuSeconds", "bytes", "lines", "generation"];
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::Number(_) if NUMBERS.contains(&key.as_str()) => {
                        *value = format!("[{key}]").into()
                    }
                    Value::String(text) if key == "runId" || key == "version" => {
                        *text = format!("[{key}]")
                    }
                    value => blank(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(blank),
        Value::String(text) => *text = without_times(text),
        _ => {}
    }
}

/// Times to the millisecond, and spans in seconds, blanked.
fn without_times(text: &str) -> String {
    let time = regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").unwrap();
    let span = regex::Regex::new(r"^\d+s$").unwrap();
    span.replace(&time.replace_all(text, "[time]"), "[span]").into_owned()
}

#[test]
fn every_route_that_reads_answers_in_its_shape() {
    let site = site();
    let paths = [
        ("health", "/health"),
        ("workers-status", "/workers/status"),
        ("workers", "/workers"),
        ("worker", "/workers/broken"),
        ("logs", "/workers/logs/broken"),
        ("discovery", "/discovery"),
        ("config", "/config"),
    ];
    for (name, path) in paths {
        let reply = site.request("GET", path, &[], "");
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{path}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), None, "{path}");
        insta::assert_snapshot!(name, blanked(&site, reply.json()));
    }
}

#[test]
fn every_route_that_acts_answers_in_its_shape() {
    let site = site();
    let cases = [
        ("restart", "/workers/restart/a?wait=1"),
        ("stop", "/workers/stop/a?wait=1"),
        ("start", "/workers/start/a?wait=1"),
        ("restart-all", "/workers/restart-all"),
        ("reload", "/reload"),
        ("failed", "/workers/restart/broken?wait=1"),
        ("unknown-worker", "/workers/restart/nobody"),
        ("unknown-path", "/nowhere"),
        ("wrong-method", "/health"),
    ];
    let shown: Vec<_> = cases
        .iter()
        .map(|(name, path)| {
            let reply = site.post(path);
            format!("{name}: POST {path} → {}\n{}\n", reply.status, blanked(&site, reply.json()))
        })
        .collect();
    insta::assert_snapshot!("actions", shown.join("\n"));
    assert_eq!(site.post("/health").header("allow").map(|allow| allow.contains("GET")), Some(true));
}

#[test]
fn the_root_is_a_page_for_browsers_and_a_line_for_others() {
    let site = Setup::new().start();
    assert_eq!(site.request("GET", "/", &[], "").text().trim_end(), "ARCANOS is live");
    let page = site.request("GET", "/", &[("Accept", "text/html,*/*;q=0.8")], "");
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(page.header("content-security-policy").is_some());
    assert!(page.text().contains("<html"));
}

#[test]
fn strict_health_says_by_its_status_that_something_is_wrong() {
    let mut site = Setup::new().worker("a.sh", STAYS).start();
    assert_eq!(site.request("GET", "/health?strict=1", &[], "").status, 200);
    site.set("restart.max_attempts", "'many'");
    let health = site.wait_health("the error", |health| health["status"] == "degraded");
    assert!(health["problems"].to_string().contains("restart.max_attempts"), "{health}");
    assert_eq!(site.request("GET", "/health?strict=1", &[], "").status, 503);
    assert_eq!(site.request("GET", "/health", &[], "").status, 200);
}

#[test]
fn metrics_are_prometheus_text() {
    let site = site();
    let text = site.request("GET", "/metrics", &[], "").text();
    for line in [
        "arcanos_worker_up{worker=\"a\"} 1",
        "arcanos_worker_up{worker=\"broken\"} 0",
        "arcanos_worker_starts_total{worker=\"a\"} 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for name in [
        "arcanos_worker_exits_total",
        "arcanos_reloads_total",
        "arcanos_generation",
        "arcanos_log_bytes_total",
    ] {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name}\n{text}");
    }
}

#[test]
fn who_comes_from_another_site_is_refused_before_anything_else() {
    let site = Setup::new().worker("a.sh", STAYS).start();
    let a = site.wait_state("a", "running");
    let port = site.address().unwrap().port();
    let own = format!("http://127.0.0.1:{port}");
    let localhost = format!("localhost:{port}");
    let cases: [(&[(&str, &str)], u16); 9] = [
        (&[], 200),
        (&[("Host", &localhost)], 200),
        (&[("Host", "evil.example")], 403),
        (&[("Host", "127.0.0.1.nip.example")], 403),
        (&[("Host", "localhost.evil.example")], 403),
        (&[("Origin", &own)], 200),
        (&[("Origin", "http://evil.example")], 403),
        (&[("Origin", "null")], 403),
        (&[("Sec-Fetch-Site", "cross-site")], 403),
    ];
    for (headers, status) in cases {
        assert_eq!(site.request("POST", "/reload", headers, "").status, status, "{headers:?}");
    }
    assert_eq!(site.worker("a").pid(), a.pid());
}

#[test]
fn with_a_token_only_health_and_the_page_are_open() {
    let site =
        Setup::new().set("server.token", "'a-token-of-some-length'").worker("a.sh", STAYS).start();
    let status = |method: &str, path: &str, headers: &[(&str, &str)]| {
        site.request(method, path, headers, "").status
    };
    for (path, expected) in
        [("/health", 200), ("/workers", 401), ("/config", 401), ("/events", 401), ("/metrics", 401)]
    {
        assert_eq!(status("GET", path, &[]), expected, "{path}");
    }
    assert_eq!(status("GET", "/", &[("Accept", "text/html")]), 200);
    assert_eq!(status("POST", "/reload", &[]), 401);
    assert_eq!(status("POST", "/reload", &[("Authorization", "Bearer wrong")]), 401);
    assert_eq!(
        status("POST", "/reload", &[("Authorization", "Bearer a-token-of-some-length")]),
        200
    );
}

#[test]
fn odd_ids_open_nothing_and_slashes_and_head_work() {
    let site = Setup::new().worker("a.sh", STAYS).start();
    site.wait_state("a", "running");
    for id in [
        "..",
        "%2e%2e%2fsession",
        "%00",
        "%ff",
        "a%2fb",
        "__proto__",
        "a.log",
        "..%2f..%2fetc%2fpasswd",
    ] {
        let reply = site.request("GET", &format!("/workers/logs/{id}"), &[], "");
        assert!(matches!(reply.status, 400 | 404), "{id}: {}", reply.status);
    }
    assert_eq!(site.request("GET", "/workers/", &[], "").status, 200);
    let head = site.request("HEAD", "/health", &[], "");
    assert_eq!((head.status, head.text().as_str()), (200, ""));
    let long = site.request(
        "POST",
        "/workers/run/a",
        &[("Content-Type", "application/json")],
        &"x".repeat(70 << 10),
    );
    assert_eq!(long.status, 413);
}

#[test]
fn a_request_that_is_not_http_gets_an_error_and_the_next_client_an_answer() {
    let site = Setup::new().start();
    assert_eq!(site.connect().raw("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").status, 400);
    assert_eq!(site.connect().raw("no http at all\r\n\r\n").status, 400);
    assert_eq!(site.get("/health")["status"], "OK");
}

#[test]
fn the_last_reloads_are_listed_each_with_its_plan_newest_first() {
    let mut site = Setup::new().worker("a.sh", STAYS).worker("b.sh", STAYS).start();
    let before = site.wait_running(&["a", "b"]);
    site.set("workers.a.args", "['-x']");
    site.wait_replaced(&before.worker("a"));
    site.set("restart.max_attempts", "'many'");
    site.wait_health("degraded", |health| health["status"] == "degraded");
    site.set("restart.max_attempts", "7");
    site.wait("mended", |picture| picture.worker("b").at("/maxAttempts") == 7);
    let reloads = site.get("/config")["reloads"].clone();
    let field = |at: usize, key: &str| reloads.pointer(&format!("/{at}/{key}")).cloned();
    assert_eq!(field(0, "plan/updated"), Some(json!(["a", "b"])), "{reloads:#}");
    assert_eq!(field(1, "result"), Some(json!("rejected")));
    assert!(field(1, "errors/0").unwrap().as_str().unwrap().contains("restart.max_attempts"));
    assert_eq!(field(2, "plan/restarted"), Some(json!(["a"])));
    assert!(field(2, "plan/reasons/a").is_some());
    assert_eq!(field(3, "plan/started"), Some(json!(["a", "b"])));
    assert_eq!(field(0, "generation"), Some(json!(site.picture().generation())));
}

#[test]
fn long_answers_that_nobody_reads_take_little_and_others_get_theirs() {
    const LOUD: &str = "i=0; while [ $i -lt 400 ]; do head -c 8000 /dev/zero | tr '\\0' '\\1'; echo; \
                        i=$((i+1)); done; echo END; exec sleep 86400";
    let site = Setup::new().worker("a.sh", LOUD).start();
    site.wait_text("memory/logs/a.log", "END");
    let path = "/workers/logs/a?lines=5000";
    let whole = site.request("GET", path, &[], "");
    assert!(whole.body.len() > 2 << 20, "{}", whole.body.len());
    assert!(whole.json()["logs"].as_array().unwrap().len() > 100);
    let port = site.address().expect("it listens").port();
    let before = rss(site.pid());
    let unread: Vec<_> = ["", "&follow=1", "&format=json"]
        .into_iter()
        .cycle()
        .take(60)
        .map(|more| {
            let request = format!("GET {path}{more} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let mut client = connect_small(port);
            client.write_all(request.as_bytes()).unwrap();
            client
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(site.request("GET", "/workers/logs/a?lines=1", &[], "").status, 200);
        let grown = rss(site.pid()).saturating_sub(before);
        assert!(grown < 48, "{grown} MiB for {} answers", unread.len());
    }
}
