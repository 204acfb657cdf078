//! Readiness by a line and by a probe, and a probe that ends an unresponsive run.

use crate::site::{Setup, is_alive};

/// A server in Node that answers `/up` with 200 while `well` exists and else with 503. It listens
/// on the port that the environment names.
const SERVER: &str = "
    require('openai');
    const fs = require('fs');
    const server = require('http').createServer((request, response) => {
      response.statusCode = fs.existsSync('well') ? 204 : 503;
      response.end();
    });
    server.listen(Number(process.env.PORT_OF_A), '127.0.0.1', () => console.log('up'));";

#[test]
fn a_run_is_ready_once_it_prints_the_line_on_either_stream_with_or_without_an_end() {
    let site = Setup::new()
        .set("start.ready", "'line'")
        .set("start.ready_line", r"'''^listening on \d+$'''")
        .set("start.timeout", "'1h'")
        .worker("out.sh", "echo 'not listening on 1'; echo 'listening on 80'; exec sleep 86400")
        .worker("err.sh", "echo 'listening on 80' >&2; exec sleep 86400")
        .worker("prompt.sh", "printf 'listening on 80'; exec sleep 86400")
        .worker("never.sh", "echo 'still listening on 80'; exec sleep 86400")
        .start();
    site.wait_running(&["out", "err", "prompt"]);
    site.wait_text("memory/logs/never.log", "still");
    assert_eq!(site.worker("never").state(), "starting");
}

#[test]
fn a_mended_line_is_looked_for_in_the_run_that_is_there() {
    let mut site = Setup::new()
        .set("start.ready", "'line'")
        .set("start.ready_line", "'listnening'")
        .set("start.timeout", "'1h'")
        .worker("a.sh", "while :; do echo listening; sleep 0.05; done")
        .start();
    site.wait_text("memory/logs/a.log", "listening");
    assert_eq!(site.worker("a").state(), "starting");
    site.set("start.ready_line", "'listening'");
    assert_eq!(site.wait_state("a", "running").starts(), 1);
}

#[test]
fn a_run_is_ready_once_its_server_says_so_and_is_replaced_once_it_does_not() {
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let site = Setup::new()
        .openai()
        .set("start.ready", "'probe'")
        .set("start.timeout", "'1h'")
        .set("restart.delay", "'10ms'")
        .set(
            "liveness.probe",
            &format!("{{ http = 'http://127.0.0.1:{port}/up', every = '50ms', failures = 2 }}"),
        )
        .set("env.set.PORT_OF_A", &format!("'{port}'"))
        .worker("a.js", SERVER)
        .start();
    site.wait_text("memory/logs/a.log", "up");
    assert_eq!(site.worker("a").state(), "starting");
    site.write("well", "");
    assert_eq!(site.wait_state("a", "running").starts(), 1);
    site.remove("well");
    let a = site.wait("the run to be replaced", |picture| picture.worker("a").starts() == 2);
    let a = a.worker("a");
    let reason = a.at("/lastExit/reason").to_string();
    let expected = format!(
        "unresponsive: its probe failed 2 times in a row, last: GET http://127.0.0.1:{port}/up answered 503"
    );
    assert!(reason.contains(&expected), "{reason}");
    assert_eq!((a.state(), a.attempts()), ("starting", 1));
    site.wait_said(&format!("Worker a failed: {expected}"));
}

#[test]
fn a_probe_by_command_runs_in_the_folder_of_the_config_and_ends_with_arcanos() {
    let probe = "[ \"$ARCANOS_WORKER_ID\" = a ] && [ -e well ] && exit 0; \
                 echo $$ > hung.new; mv hung.new hung; exec sleep 86400";
    let mut site = Setup::new()
        .set("workers.a.start", "{ ready = 'probe', timeout = '1h' }")
        .set(
            "workers.a.liveness.probe",
            "{ command = ['sh', 'check.sh'], every = '50ms', timeout = '1h', failures = 1 }",
        )
        .file("check.sh", probe)
        .file("well", "")
        .worker("a.sh", "exec sleep 86400")
        .start();
    site.wait_state("a", "running");
    site.remove("well");
    let hung: u32 = site.wait_text("hung", "\n").trim().parse().unwrap();
    assert!(is_alive(hung));
    site.stop();
    assert!(!is_alive(hung), "the command of a probe outlives arcanos");
}
