//! Server-Sent Events: what happens, as it happens.

use crate::site::{Setup, Site};

const STAYS: &str = "exec sleep 86400";

fn site() -> Site {
    let site = Setup::new().worker("a.sh", STAYS).start();
    site.wait_state("a", "running");
    site
}

#[test]
fn events_report_every_step_of_a_worker_and_resume_where_one_left() {
    let site = site();
    let mut stream = site.connect().stream("/events", &[("Last-Event-ID", "0")]);
    let seen = |event: &crate::site::Event, id: &str, state: &str| {
        let data = event.json();
        data["type"] == "worker" && data["worker"] == id && data["state"] == state
    };
    stream.find("a to run", |event| !event.data.is_empty() && seen(event, "a", "running"));
    site.write("workers/b.sh", STAYS);
    let running = stream.find("b to run", |event| seen(event, "b", "running"));
    let data = running.json();
    assert_eq!(data["previous"], "starting");
    assert_eq!(data["id"].to_string(), running.id);
    assert_eq!(data["runId"], site.worker("b").at("/runId"));
    site.remove("workers/b.sh");
    stream.find("b to stop", |event| seen(event, "b", "stopping"));
    let mut again = site.connect().stream("/events", &[("Last-Event-ID", &running.id)]);
    let next = again.next().unwrap();
    assert_eq!(next.id.parse::<u64>().unwrap(), running.id.parse::<u64>().unwrap() + 1, "{next:?}");
}

#[test]
fn a_client_that_asks_for_forgotten_events_gets_a_resync() {
    let site = site();
    let mut stream = site.connect().stream("/events", &[("Last-Event-ID", "999999999")]);
    stream.find("a resync", |event| event.name == "resync");
}

#[test]
fn reloads_and_health_are_events_too() {
    let mut site = site();
    let mut stream = site.connect().stream("/events", &[]);
    site.set("restart.max_attempts", "9");
    stream.find("the reload", |event| event.data.contains("\"reload\""));
    site.set("restart.max_attempts", "'many'");
    stream.find("the bad health", |event| event.data.contains("\"health\""));
}

#[test]
fn a_log_is_followed_line_by_line() {
    let site = Setup::new().worker("a.sh", "echo before; while ! test -e $HOME/go; do sleep 0.02; done; echo after; exec sleep 86400").start();
    site.wait_said("[a] before");
    let mut stream = site.connect().stream("/workers/logs/a?follow=1", &[]);
    stream.find("the line from before", |event| event.data.contains("before"));
    site.write("go", "");
    let line = stream.find("the line from after", |event| event.data.contains("after"));
    assert_eq!(line.name, "line");
}

#[test]
fn open_streams_do_not_hold_up_the_end() {
    let mut site = site();
    let mut streams: Vec<_> = (0..10).map(|_| site.connect().stream("/events", &[])).collect();
    site.stop();
    for stream in &mut streams {
        while stream.next().is_some() {}
    }
}
