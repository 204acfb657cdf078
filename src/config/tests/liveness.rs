//! Readiness by a line or a probe, and the probe itself.

use std::{path::Path, time::Duration};

use super::Site;
use crate::domain::{EnvMap, Probe, ProbeCommand, ProbeTarget, ReadyRule};

fn probe_of(text: &str, worker: &str) -> Option<Probe> {
    let config = Site::new(text).good().config;
    config.worker(worker).probe.as_deref().cloned()
}

fn http(url: &str) -> ProbeTarget {
    ProbeTarget::Http(url.to_owned())
}

#[test]
fn a_probe_has_defaults_and_is_none_without_something_to_ask() {
    assert_eq!(probe_of("", "a"), None);
    assert_eq!(probe_of("[liveness]\nprobe = { every = \"1s\" }", "a"), None);
    let probe = probe_of("[liveness]\nprobe = { http = \"http://[::1]:80/up?x=1\" }", "a");
    let seconds = Duration::from_secs;
    let expected = Probe {
        target: http("http://[::1]:80/up?x=1"),
        every: seconds(10),
        timeout: seconds(5),
        failures: 3,
    };
    assert_eq!(probe, Some(expected));
    let probe = probe_of("[liveness]\nprobe = { command = [\"./up\", \"x\"], failures = 1 }", "a");
    let probe = probe.expect("a probe");
    let command = vec!["./up".to_owned(), "x".to_owned()];
    let (env, cwd) = (EnvMap::default(), Path::new("/site").to_owned());
    assert_eq!(probe.target, ProbeTarget::Command(ProbeCommand { command, env, cwd }));
    assert_eq!(probe.failures, 1);
}

#[test]
fn a_worker_asks_something_else_in_the_times_of_the_section() {
    let text = "[liveness]\nprobe = { http = \"http://127.0.0.1:1/\", every = \"1s\" }\n\
                [workers.a.liveness]\nprobe = { command = [\"true\"], failures = 7 }\n\
                [workers.b.liveness.probe]\ntimeout = \"9s\"\n";
    let a = probe_of(text, "a").expect("a probe");
    assert!(matches!(a.target, ProbeTarget::Command(_)), "{a:?}");
    assert_eq!((a.every, a.failures), (Duration::from_secs(1), 7));
    let b = probe_of(text, "b").expect("a probe");
    assert_eq!((b.target, b.timeout), (http("http://127.0.0.1:1/"), Duration::from_secs(9)));
    assert_eq!(probe_of(text, "c").expect("a probe").failures, 3);
}

#[test]
fn a_rule_of_readiness_has_what_it_needs() {
    let text = "[start]\nready = \"line\"\nready_line = '''on \\d+$'''\n\
                [workers.a]\nstart = { ready = \"probe\" }\n\
                liveness = { probe = { http = \"https://box.example/\" } }\n";
    let loaded = Site::new(text).good();
    assert_eq!(loaded.config.start.ready, ReadyRule::Line);
    assert_eq!(loaded.config.start.ready_line.as_deref(), Some("on \\d+$"));
    assert_eq!(loaded.config.worker("a").start.ready, ReadyRule::Probe);
    assert_eq!(loaded.warnings, [""; 0]);
}

#[track_caller]
fn check(text: &str, said: &[&str]) {
    assert_eq!(Site::new(text).said(), said.join("\n"), "of\n{text}");
}

#[test]
fn a_rule_of_readiness_that_lacks_something_is_an_error_where_it_is_set() {
    let line =
        "start.ready: `line` needs `start.ready_line`, a regex, like '''listening on port'''";
    let probe = "start.ready: `probe` needs `liveness.probe`, like \
                 { http = \"http://127.0.0.1:8080/healthz\" }";
    check("[start]\nready = \"line\"\n", &[&format!("arcanos.toml:2:9: {line}")]);
    check(
        "[start]\nready = \"line\"\nready_line = \"\"\n",
        &[&format!("arcanos.toml:2:9: {line}")],
    );
    check("[start]\nready = \"probe\"\n", &[&format!("arcanos.toml:2:9: {probe}")]);
    check(
        "[workers.a.start]\nready = \"line\"\n[workers.b.start]\nready = \"probe\"\n",
        &[
            &format!("arcanos.toml:2:9: workers.a.{line}"),
            &format!("arcanos.toml:4:9: workers.b.{probe}"),
        ],
    );
    // A worker with the same fault from the section says nothing of its own.
    check(
        "[start]\nready = \"probe\"\n[workers.a.start]\ntimeout = \"9s\"\n",
        &[&format!("arcanos.toml:2:9: {probe}")],
    );
}

#[test]
fn a_line_that_is_not_a_regex_and_a_probe_that_cannot_be_asked_are_errors() {
    check(
        "[start]\nready_line = \"(\"\n[workers.a.start]\nready_line = \"[\"\n",
        &[
            "arcanos.toml:2:14: start.ready_line: the value is not a regex: unclosed group",
            "arcanos.toml:4:14: workers.a.start.ready_line: the value is not a regex: unclosed character class",
        ],
    );
    let form = "is not an address, expected an http(s) URL without user name, like \
                \"http://127.0.0.1:8080/healthz\"";
    for url in ["healthz", "ftp://a/", "http://", "http://me:x@a/", "127.0.0.1:80"] {
        check(
            &format!("[liveness]\nprobe = {{ http = \"{url}\" }}\n"),
            &[&format!("arcanos.toml:2:18: liveness.probe.http: the value {form}")],
        );
    }
    check(
        "[liveness.probe]\ncommand = []\nevery = 10\ntimeout = \"0s\"\nfailures = 0\nhtpp = \"x\"\n",
        &[
            "arcanos.toml:2:11: liveness.probe.command: empty, expected program and arguments, \
             like [\"./healthy.sh\"]",
            "arcanos.toml:3:9: liveness.probe.every: found the number `10`, expected a duration \
             with a unit, like \"5s\", longer than none",
            "arcanos.toml:4:11: liveness.probe.timeout: found `0s`, expected a duration with a \
             unit, like \"5s\", longer than none",
            "arcanos.toml:5:12: liveness.probe.failures: found the number `0`, expected a whole \
             number from 1",
            "arcanos.toml:6:1: liveness.probe.htpp: unknown key, did you mean `http`?",
        ],
    );
    check(
        "[liveness.probe]\ncommand = [\"\"]\n",
        &["arcanos.toml:2:11: liveness.probe.command: empty, expected program and arguments, \
           like [\"./healthy.sh\"]"],
    );
    check(
        "[workers.a.liveness.probe]\ncommand = [\"true\"]\nhttp = \"http://a/\"\n",
        &["arcanos.toml:1:21: workers.a.liveness.probe: both `http` and `command` are set, \
           expected one of them"],
    );
}
