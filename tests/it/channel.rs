//! Node's fork channel, with a real Node at the other end.

use crate::site::{Setup, Site};

/// A site with one Node worker `a` of this text, which stays.
fn site(text: &str) -> Site {
    Setup::new().openai().worker("a.js", &staying(text)).start()
}

fn staying(text: &str) -> String {
    format!("require('openai');\n{text}\nsetInterval(() => {{}}, 1e6);\n")
}

#[test]
fn what_a_worker_sends_is_activity() {
    let site = site(
        "process.send('plain words'); process.send({ type: 'activity', message: 'did a thing' });
         process.send({ note: 'a shape of its own' }); process.send({ type: 'log', level: 'warn', message: 'take care' });",
    );
    for text in ["[a] plain words", "did a thing", "a shape of its own", "take care"] {
        site.wait_said(text);
    }
    assert!(!site.session().contains("[object Object]"));
    let activity = site.get("/workers/logs/a?stream=activity")["logs"].to_string();
    assert!(activity.contains("did a thing"), "{activity}");
    let last = site.wait("its last activity to show", |p| {
        p.worker("a").at("/lastActivity/message").is_string()
    });
    assert!(last.worker("a").at("/lastActivity/message").as_str().unwrap().contains("take care"));
}

#[test]
fn shutdown_comes_down_the_channel_to_those_who_spoke_on_it() {
    let listens = "process.on('message', (m) => { console.log('GOT ' + JSON.stringify(m)); process.exit(0); });";
    let speaks = format!("{listens} process.send('hello');");
    let site = Setup::new()
        .openai()
        .worker("silent.js", &staying(listens))
        .worker("speaks.js", &staying(&speaks))
        .start();
    site.wait_running(&["silent", "speaks"]);
    site.wait_said("[speaks] hello");
    for id in ["silent", "speaks"] {
        assert_eq!(site.post(&format!("/workers/stop/{id}")).status, 200);
        site.wait_state(id, "stopped");
    }
    assert_eq!(site.worker("speaks").at("/lastExit/code"), 0);
    assert_eq!(site.worker("silent").at("/lastExit/signal"), "SIGTERM");
    let log = site.wait_text("memory/logs/speaks.log", r#""type":"shutdown""#);
    assert!(log.contains(r#""timeoutMs":5000"#), "{log}");
    assert!(!site.log("silent").contains("GOT"));
}

#[test]
fn a_worker_says_when_it_is_ready() {
    for (ready, is_ready) in
        [("'ready'", true), ("{ type: 'ready' }", true), ("{ type: 'almost' }", false)]
    {
        let mut site = Setup::new()
            .openai()
            .set("start.ready", "'message'")
            .worker("a.js", &staying(&format!("process.send({ready})")))
            .start();
        if is_ready {
            site.wait_state("a", "running");
        } else {
            site.wait_said("almost");
            assert_eq!(site.worker("a").state(), "starting");
        }
        site.stop();
    }
}

#[test]
fn frames_that_are_too_long_or_broken_are_skipped_and_the_next_one_counts() {
    let site = site(
        "process.send({ type: 'activity', message: 'x'.repeat(3 << 20) }, () => {
           require('fs').writeSync(3, '{broken\\n');
           process.send({ type: 'activity', message: 'after all that' });
         });",
    );
    site.wait_said("after all that");
    assert_eq!(site.wait_state("a", "running").starts(), 1);
    assert!(site.session().len() < 1 << 20, "the frame of 3 MiB is not written down");
}

#[test]
fn a_handle_is_answered_so_that_later_messages_flow() {
    let site = site(
        "const server = require('net').createServer().listen(0, '127.0.0.1', () => {
           process.send('with a handle', server); process.send('after the handle'); });",
    );
    site.wait_said("after the handle");
}

#[test]
fn a_reason_for_an_exit_is_shown_and_its_wait_kept() {
    let site = site(
        "process.send({ type: 'exit_reason', reason: 'rate limited', retry_after: 3600 }, () => process.exit(7));",
    );
    let a = site.wait_state("a", "backoff");
    assert!(a.at("/lastExit/reason").to_string().contains("rate limited"), "{a:?}");
    assert_eq!(a.at("/lastExit/code"), 7);
    site.wait_said("in 1h");
}

#[test]
fn a_worker_that_does_not_read_holds_nobody_up() {
    let site = Setup::new()
        .openai()
        .worker(
            "deaf.js",
            &staying("process.on('message', () => {}); process.send('hi'); for (;;) {}"),
        )
        .worker("b.js", &staying("process.on('message', (m) => process.send({ echo: m }))"))
        .start();
    site.wait_running(&["deaf", "b"]);
    for n in 0..40 {
        let body = format!("{{\"n\":{n},\"pad\":\"{}\"}}", "x".repeat(20_000));
        site.request("POST", "/workers/run/deaf", &[("Content-Type", "application/json")], &body);
    }
    let reply = site.request(
        "POST",
        "/workers/run/b",
        &[("Content-Type", "application/json")],
        "{\"n\":4711}",
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    site.wait_said("4711");
}

#[test]
fn a_running_script_gets_the_input_of_a_run_as_a_message() {
    let site = site(
        "process.on('message', (m) => console.log('GOT ' + JSON.stringify(m))); process.send('up');",
    );
    site.wait_state("a", "running");
    let reply = site.request(
        "POST",
        "/workers/run/a",
        &[("Content-Type", "application/json")],
        r#"{"city":"Berlin"}"#,
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    let log = site.wait_text("memory/logs/a.log", r#""type":"run""#);
    assert!(log.contains(r#""input":{"city":"Berlin"}"#), "{log}");
}

#[test]
fn a_reason_of_a_megabyte_is_cut_wherever_it_is_shown() {
    const MOST: usize = 40_000;
    for letters in ["R", "\\x01", "\\u202e", "\\\\"] {
        let reason = format!("'quota is used up ' + '{letters}'.repeat(170000)");
        let send = format!(
            "process.send({{ type: 'exit_reason', reason: {reason} }}, () => process.exit(7));"
        );
        let site = Setup::new()
            .openai()
            .set("restart.max_attempts", "2")
            .set("restart.delay", "'10ms'")
            .worker("a.js", &staying(&send))
            .start();
        let a = site.wait_state("a", "failed");
        let said = a.at("/lastExit/reason").as_str().expect("a reason").to_owned();
        assert!(said.starts_with("quota is used up") && said.len() < MOST, "{}", said.len());
        for path in ["/workers", "/workers/a", "/workers/status"] {
            let body = site.request("GET", path, &[], "").body;
            assert!(body.len() < 8 * MOST, "{path} is {} bytes long", body.len());
        }
        let mut events = site.connect().stream("/events", &[("Last-Event-ID", "0")]);
        let failed = events.find("the failure", |event| event.data.contains("\"failed\""));
        assert!(failed.data.len() < MOST, "{}", failed.data.len());
        let longest = site.session().lines().map(str::len).max();
        assert!(longest < Some(MOST), "a line of {longest:?} bytes with {letters}");
    }
}
