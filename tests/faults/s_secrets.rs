//! Security: what is secret, and what only looks like a line of the log.

use std::{
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    process::Command,
    time::Duration,
};

use crate::{
    http, procs,
    site::{SLACK, Site, until},
};

/// No pattern finds it: only its being the value of a secret variable hides it.
const CANARY: &str = "canary-7f3a9b-do-not-show";

/// The same in the forms it could travel in.
fn canaries() -> Vec<String> {
    let script = "const c = process.argv[1]; console.log([c, Buffer.from(c).toString('base64'), \
                  encodeURIComponent(c)].join('\\n'))";
    let forms = Command::new("node").args(["-e", script, CANARY]).output().unwrap();
    String::from_utf8(forms.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn has_no_canary(place: &str, text: &str) {
    for canary in canaries() {
        assert!(!text.contains(&canary), "{place} shows the secret: {text}");
    }
}

/// What arcanos itself was started with and shows of itself to others.
fn argv(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one canary, looked for in every place in turn")]
fn s8_a_secret_shows_in_no_answer_log_argument_or_error() {
    let mut site = Site::new();
    site.env("OPENAI_API_KEY", CANARY).env("DB_PASSWORD", CANARY);
    site.set("env.set", "{ OPENAI_API_KEY = '${OPENAI_API_KEY}', DB_PASSWORD = '${DB_PASSWORD}' }");
    site.set("restart.max_attempts", "1");
    site.set(
        "discovery.prepare",
        "['sh', '-c', 'echo $OPENAI_API_KEY; echo $DB_PASSWORD >&2; exit 3']",
    );
    site.write("workers/package-lock.json", "{}");
    site.sh("echoes", "echo $DB_PASSWORD; echo \"key=$DB_PASSWORD\" >&2; exec sleep 300");
    site.sh("dies", "echo \"Error: bad $DB_PASSWORD\" >&2; exit 1");
    site.js(
        "says",
        "const k = process.env.DB_PASSWORD; process.send('ready'); \
         process.send({type: 'log', level: 'info', message: k}); \
         process.send({type: 'activity', message: 'with ' + k}); process.send({k}); \
         process.send({type: 'exit_reason', reason: 'no ' + k}); \
         setTimeout(() => process.exit(1), 100)",
    );
    // Programs, folders and users are named where they are not to be had.
    site.table("[workers.folder]\ncwd = '/no/${DB_PASSWORD}'");
    site.table("[workers.program]\ncommand = ['/no/${DB_PASSWORD}', '{file}']");
    site.table("[workers.user]\nuser = '${DB_PASSWORD}'");
    site.table("[workers.argument]\nargs = ['${DB_PASSWORD}']");
    let unlaunched = ["folder", "program", "user"];
    for id in unlaunched {
        site.sh(id, "exec sleep 300");
    }
    site.sh("argument", "echo $1; exec sleep 300");
    site.js(
        "splits",
        "const fs = require('fs'), k = process.env.DB_PASSWORD; \
         fs.writeSync(1, 'a ' + k.slice(0, 9)); setTimeout(() => { fs.writeSync(1, k.slice(9) + '\\n'); \
         fs.writeSync(1, 'x'.repeat(16384 - 10) + k + '\\n'); }, 300); setInterval(() => {}, 1e6)",
    );
    site.start();
    let mut streams = ["/events", "/workers/logs/arcanos?follow=1&lines=5000"].map(|path| {
        let mut stream = http::connect(site.port());
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream
    });
    for id in unlaunched.into_iter().chain(["dies", "says"]) {
        site.wait(id, "failed");
        let answer = site.post(&format!("/workers/restart/{id}?wait=1"));
        // Those that are launched may be up for a moment.
        let is_launched = answer.status == 200 && !unlaunched.contains(&id);
        assert!(answer.status == 500 || is_launched, "{id}: {}", answer.body);
        has_no_canary(id, &answer.body);
    }
    site.wait("echoes", "running");
    until("both halves are logged", || site.log("splits").contains("xxxxxxx").then_some(()));
    std::thread::sleep(Duration::from_millis(1200));
    for path in [
        "/",
        "/health",
        "/workers",
        "/workers/status",
        "/workers/says",
        "/workers/dies",
        "/workers/logs/echoes",
        "/workers/logs/says?lines=5000",
        "/workers/logs/splits?lines=5000",
        "/workers/logs/dies?stream=stderr",
        "/discovery",
        "/config",
        "/metrics",
    ] {
        let answer = site.get(path);
        assert_eq!(answer.status, 200, "{path}");
        has_no_canary(path, &answer.body);
    }
    for args in [
        &["status"][..],
        &["status", "--json"],
        &["logs", "says"],
        &["logs", "--all"],
        &["check"],
        &["check", "--json"],
        &["scan"],
        &["why", "says"],
        &["why", "program"],
        &["why", "argument"],
    ] {
        let output = site.command(args).output().unwrap();
        has_no_canary(&args.join(" "), &String::from_utf8_lossy(&output.stdout));
        has_no_canary(&args.join(" "), &String::from_utf8_lossy(&output.stderr));
    }
    has_no_canary("argv", &argv(site.pid()));
    for worker in site.json("/workers")["workers"].as_array().unwrap() {
        let is_passed = worker["id"] == "argument";
        if let Some(pid) = worker["pid"].as_u64().filter(|_| !is_passed) {
            has_no_canary("argv of a worker", &argv(pid as u32));
        }
    }
    site.stop();
    for stream in &mut streams {
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        assert!(text.len() > 1000, "{}", text.len());
        has_no_canary("a stream", &String::from_utf8_lossy(&text));
    }
    for name in ["stderr", "memory/session.log", ".arcanos/instance.json", ".arcanos/lock"] {
        has_no_canary(name, &site.read(name));
    }
    for id in ["echoes", "dies", "says", "splits", "argument"] {
        has_no_canary(id, &site.log(id));
    }
    assert!(site.log("echoes").contains("[redacted DB_PASSWORD]"), "{}", site.log("echoes"));
}

#[test]
fn s8_a_secret_shows_in_no_error_of_the_config() {
    for setting in [
        ("env.set", format!("{{ OPENAI_API_KEY = [\"{CANARY}\"] }}")),
        ("server.token", format!("[\"{CANARY}\"]")),
        ("env.set", format!("{{ MY_TOKEN = {{ a = \"{CANARY}\" }} }}")),
        ("server.listen", "\"${MY_SECRET}\"".to_owned()),
        ("model.upstream", "\"${MY_SECRET}\"".to_owned()),
        ("stop.timeout", "\"${MY_SECRET}\"".to_owned()),
    ] {
        let mut site = Site::new();
        site.env("MY_SECRET", CANARY);
        site.set(setting.0, &setting.1);
        site.launch();
        assert_eq!(site.ended().code(), Some(2), "{setting:?}: {}", site.stderr());
        has_no_canary(&format!("{setting:?}"), &site.stderr());
    }
}

#[test]
fn s8_a_bad_edit_of_a_secret_shows_nowhere() {
    let mut site = Site::new();
    site.start();
    site.set("env.set", &format!("{{ OPENAI_API_KEY = [\"{CANARY}\"] }}"));
    site.write_config();
    let health = until("the error is shown", || {
        let health = site.json("/health");
        (health["status"] == "degraded").then_some(health)
    });
    has_no_canary("/health", &health.to_string());
    has_no_canary("/config", &site.get("/config").body);
    has_no_canary("/reload", &site.post("/reload").body);
    has_no_canary("stderr", &site.stderr());
    has_no_canary("session log", &site.session());
}

#[test]
fn s9_no_worker_forges_a_line_of_the_session_log() {
    let forged = "[2026-01-01T00:00:00.000Z] [arcanos] all is well";
    let mut site = Site::new();
    site.js(
        "w",
        &format!(
            "const f = {forged:?}; console.log('a\\n' + f); console.log('b\\r' + f); \
             console.log('c\\u2028' + f + '\\u0085' + f); process.send('ready'); \
             process.send({{type: 'log', level: 'info\\n' + f, message: 'd\\n' + f}}); \
             process.send({{type: 'activity', message: 'e\\r\\n' + f}}); \
             process.send({{type: 'exit_reason', reason: 'g\\n' + f}}); process.exitCode = 3; \
             setTimeout(() => process.exit(3), 200)"
        ),
    );
    site.set("restart.max_attempts", "0");
    site.start();
    site.wait("w", "failed");
    until("all is written", || site.session().contains("giving up").then_some(()));
    let session = site.session();
    let is_genuine = |line: &&str| !line.starts_with(forged) && line.starts_with("[20");
    assert!(session.lines().all(|line| is_genuine(&line)), "{session}");
    assert!(!session.contains('\r') && !session.contains('\u{2028}'), "{session}");
    let own = |line: &&str| line.contains("all is well") && !line.contains("] [w] ");
    assert_eq!(session.lines().find(own), None, "{session}");
    assert!(!site.stderr().contains(&format!("\n{forged}")), "{}", site.stderr());
}

#[test]
fn s7_no_control_character_reaches_a_terminal() {
    let mut site = Site::new();
    site.sh("w", r"printf '\033]0;title\007\033[2J\rgone\302\233x\342\200\256bidi\n'; exit 0");
    site.start();
    site.wait("w", "completed");
    until("it is logged", || site.session().contains("bidi").then_some(()));
    for args in [&["logs", "w"][..], &["status"], &["logs", "w", "--json"]] {
        let output = site.command(args).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let is_control = |c: char| {
            (c.is_control() && c != '\n' && c != '\t') || ('\u{202a}'..='\u{202e}').contains(&c)
        };
        assert!(!text.contains(is_control), "{args:?}: {text:?}");
    }
    assert!(!site.session().contains('\u{1b}'));
    assert!(site.log("w").contains('\u{1b}'), "its own file has the bytes as they came");
}

#[test]
fn s10_a_key_that_the_worker_prints_is_hidden() {
    let mut site = Site::new();
    site.env("OPENAI_API_KEY", "sk-abcdefghijklmnopqrstuvwx012345");
    site.sh("w", "echo $OPENAI_API_KEY; echo sk-another0another0another0; exit 0");
    site.start();
    site.wait("w", "completed");
    until("it is logged", || site.log("w").contains("pattern").then_some(()));
    assert_eq!(site.log("w"), "[redacted OPENAI_API_KEY]\n[redacted pattern]\n");
    assert!(!site.session().contains("sk-a"), "{}", site.session());
}

#[test]
fn s11_prompts_on_the_channel_stay_out_of_the_logs_of_arcanos_itself() {
    let mut site = Site::new();
    site.js(
        "w",
        "process.send('ready'); process.on('message', m => {}); setInterval(() => {}, 1e6)",
    );
    site.set("start.ready", "'message'");
    site.start();
    site.wait("w", "running");
    let body = br#"{"prompt":"a private question"}"#;
    let json = "Content-Type: application/json\r\n";
    let answer = http::ask(site.port(), "POST", "/workers/run/w", json, body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    site.stop();
    for (name, text) in [("stderr", site.stderr()), ("session", site.session())] {
        assert!(!text.contains("private question"), "{name}: {text}");
    }
}

#[test]
fn s13_no_core_is_dumped_and_no_node_report_listed() {
    let mut site = Site::new();
    site.env("NODE_OPTIONS", "--report-on-fatalerror --report-uncaught-exception");
    site.set("restart.policy", "'never'");
    site.through(&["prlimit", "--core=unlimited", "--"]);
    site.sh("w", "ulimit -c > core_limit; ulimit -Hc >> core_limit; env > seen; exec sleep 300");
    site.sh("abort", "kill -ABRT $$");
    site.js("throws", "throw new Error('as it happens')");
    site.start();
    site.wait("w", "running");
    site.wait("throws", "failed");
    let exit = site.wait("abort", "failed")["lastExit"].clone();
    assert_eq!(exit["signal"], "SIGABRT");
    assert_eq!(site.read("core_limit"), "0\n0\n");
    assert!(!site.read("seen").contains("NODE_OPTIONS"));
    // Nor does arcanos leave one.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", site.pid())).unwrap();
    let own = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(own.split_whitespace().nth(4), Some("0"), "{own}");
    site.signal("ABRT");
    assert_eq!(site.ended().signal(), Some(6));
    let dumped = |name: &String| {
        name.starts_with("core") && name != "core_limit" || name.starts_with("report")
    };
    let entries = std::fs::read_dir(site.folder()).unwrap();
    let mut names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.find(dumped), None);
}

#[test]
fn s14_a_worker_gets_what_was_named_and_nothing_else() {
    let mut site = Site::new();
    for name in ["LD_PRELOAD_", "AWS_SECRET_ACCESS_KEY", "NODE_CHANNEL_FD", "CARGO_HOME", "X_Y"] {
        site.env(name, CANARY);
    }
    site.env("OPENAI_ORG_ID", "org").env("LC_ALL", "C").env("ARCANOS_LOG", "info");
    site.sh("w", "tr '\\0' '\\n' < /proc/$$/environ > seen; exec sleep 300");
    site.start();
    site.wait("w", "running");
    let seen = site.read("seen");
    has_no_canary("the environment", &seen);
    assert!(seen.contains("OPENAI_ORG_ID=org") && seen.contains("LC_ALL=C"), "{seen}");
    assert!(!seen.contains("ARCANOS_LOG") && !seen.contains("NODE_CHANNEL"), "{seen}");
}

#[test]
fn s12_and_s18_a_worker_of_another_user_is_that_user_and_nobody_else() {
    if procs::lacks(&["root"]) {
        return;
    }
    let mut site = Site::new();
    site.table("[workers.w]\nuser = 'nobody'\n[workers.ghost]\nuser = 'no-such-user'");
    site.sh("w", "exec sleep 300").sh("ghost", "touch ghost; exec sleep 300");
    site.start();
    let pid = site.wait("w", "running")["pid"].as_u64().unwrap() as u32;
    let ids = |name: &str| procs::status(pid, name);
    let nobody = "65534\t65534\t65534\t65534";
    assert_eq!(ids("Uid"), nobody);
    assert_eq!(ids("Gid"), nobody);
    assert!(!ids("Groups").split_whitespace().any(|group| group == "0"), "{}", ids("Groups"));
    assert_eq!(ids("NoNewPrivs"), "1");
    assert_eq!(ids("CapEff"), "0000000000000000");
    let ghost = site.wait("ghost", "failed");
    assert!(ghost["lastExit"]["reason"].to_string().contains("no such user"), "{ghost}");
    assert!(!site.path("ghost").exists());
    site.await_text("stderr", "runs as root");
    let start = std::time::Instant::now();
    site.kill();
    site.await_silence();
    assert!(
        start.elapsed() < Duration::from_secs(2) + SLACK,
        "the death signal outlives the new user"
    );
}

#[test]
fn s8_a_secret_shows_in_no_panic() {
    if !cfg!(debug_assertions) {
        procs::leave_out("an optimised arcanos has no failpoints");
        return;
    }
    let mut site = Site::new();
    let path = format!("/workers/{CANARY}");
    site.env("ARCANOS_FAILPOINT", &format!("request:{path}")).env("RUST_BACKTRACE", "1");
    site.env("DB_PASSWORD", CANARY).set("env.set", "{ DB_PASSWORD = '${DB_PASSWORD}' }");
    site.start();
    let answer = site.get(&path);
    assert_eq!(answer.status, 500);
    has_no_canary("the answer", &answer.body);
    until("it is said", || site.stderr().contains("failpoint ").then_some(()));
    has_no_canary("stderr", &site.stderr());
    has_no_canary("the session log", &site.session());
}
