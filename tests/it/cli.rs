//! The command line: what it prints, what it exits with, with and without a running arcanos.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::ffi::OsStrExt as _,
    process::{Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::site::{Setup, Site};

const STAYS: &str = "echo up; exec sleep 86400";

/// Standard output, which must end well.
fn stdout(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Exit code, standard output and standard error, with the site's path blanked.
fn shown(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    let code = output.status.code().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    format!("exit {code}\n{}--- stderr\n{}", text(&output.stdout), text(&output.stderr))
        .replace(&site.root().display().to_string(), "[site]")
}

fn json_of(site: &Site, arguments: &[&str]) -> Value {
    let text = stdout(&site.run(arguments));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
}

#[test]
fn check_shows_every_error_at_its_place() {
    let site = Setup::bare().lay();
    let text = "[restart]\nmax_atempts = 3\ndelay = 5\n\n[discovery]\nwatch = \"sometimes\"\n\n[[discovery.rules]]\n\
                name = \"x\"\nfiles = [\"*.sh\"]\ncommand = \"sh\"\nany = ['(']\n\n[server]\ntoken = 12345\n\n\
                [workers.a]\nschedule = \"61 * * * *\"\n";
    site.write("arcanos.toml", text);
    insta::assert_snapshot!("check-errors", shown(&site, &["check"]));
}

#[test]
fn check_prints_the_plan_that_would_be_applied() {
    let mut site = Setup::new()
        .set("discovery.watch", "'poll'")
        .set("discovery.scan_interval", "'1h'")
        .worker("a.sh", STAYS)
        .worker("b.sh", STAYS)
        .worker("c.sh", STAYS)
        .lay();
    insta::assert_snapshot!("check-plan", shown(&site, &["check"]));
    site.start();
    site.wait_running(&["a", "b", "c"]);
    site.remove("workers/b.sh");
    site.write("workers/d.sh", STAYS);
    let check = stdout(&site.run(&["check"]));
    for line in ["+ d", "- b", "2 workers stay as they are"] {
        assert!(check.contains(line), "{line}: {check}");
    }
}

#[test]
fn scan_shows_names_that_are_not_utf8_escaped() {
    let site = Setup::new().worker("plain.sh", "").lay();
    let odd = |name: &[u8]| site.root().join(OsStr::from_bytes(name));
    fs::create_dir(odd(b"w\xe9")).unwrap();
    fs::write(odd(b"w\xe9/a.sh"), "# worker\n").unwrap();
    fs::write(odd(b"w\xe9/n\xe9me.sh"), "# worker\n").unwrap();
    let scan = |arguments: &[&str]| {
        let mut command = site.command(arguments);
        let output = command.env("ARCANOS__DISCOVERY__DIRECTORY", odd(b"w\xe9")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let json: Value = serde_json::from_str(&scan(&["scan", "--json"])).unwrap();
    assert!(json["directory"].as_str().unwrap().ends_with("/w\\xe9"), "{json}");
    assert_eq!(json["files"][0]["verdict"], "worker", "{json}");
    assert_eq!(json["files"][1]["file"], "n\\xe9me.sh", "{json}");
    assert_eq!(json["files"][1]["verdict"], "rejected", "{json}");
    let table = scan(&["scan"]);
    assert!(table.contains("w\\xe9: ") && table.contains("n\\xe9me.sh"), "{table}");
}

#[test]
fn scan_and_why_say_what_a_file_is_and_why() {
    let site = Setup::new()
        .openai()
        .worker("good.js", "// a comment\nimport OpenAI from 'openai';\n")
        .worker("plain.js", "// import OpenAI from 'openai'\n")
        .worker("helper.js", "import OpenAI from 'openai';\n")
        .worker("uses.js", "import './helper.js';\n")
        .worker("odd name.sh", STAYS)
        .worker("notes.txt", "")
        .lay();
    insta::assert_snapshot!("scan", shown(&site, &["scan"]));
    insta::assert_snapshot!("why-worker", shown(&site, &["why", "workers/good.js"]));
    insta::assert_snapshot!("why-none", shown(&site, &["why", "workers/plain.js"]));
    assert_eq!(site.run(&["why", "workers/nothing.js"]).status.code(), Some(1));
    let files = json_of(&site, &["scan", "--json"])["files"].as_array().unwrap().len();
    assert_eq!(files, 6);
}

#[test]
fn the_running_one_is_found_and_does_what_it_is_asked() {
    let site = Setup::new().worker("a.sh", STAYS).worker("b.sh", STAYS).start();
    let before = site.wait_running(&["a", "b"]);
    let status = stdout(&site.run(&["status"]));
    assert!(
        status.contains("a ") && status.contains("running") && !status.contains('\u{1b}'),
        "{status}"
    );
    let workers = json_of(&site, &["status", "--json"]);
    assert!(workers.to_string().contains("\"running\""), "{workers}");
    stdout(&site.run(&["restart", "--all"]));
    let a = site.wait_replaced(&before.worker("a"));
    site.wait_replaced(&before.worker("b"));
    stdout(&site.run(&["stop", "--all"]));
    site.wait_state("b", "stopped");
    stdout(&site.run(&["start", "--all"]));
    let a = site.wait_replaced(&a);
    site.wait_running(&["b"]);
    stdout(&site.run(&["stop", "a"]));
    site.wait_state("a", "stopped");
    stdout(&site.run(&["start", "a"]));
    site.wait_replaced(&a);
    stdout(&site.run(&["restart", "a", "b"]));
    site.write("workers/c.sh", STAYS);
    stdout(&site.run(&["reload"]));
    site.wait_running(&["c"]);
    site.wait_said("[c] up");
    let logs = stdout(&site.run(&["logs", "c", "-n", "50"]));
    assert!(logs.contains("[c] up") && logs.contains("Launching worker: c"), "{logs}");
    let unknown = site.run(&["restart", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("nobody"));
}

#[test]
fn a_signal_goes_to_the_first_process_alone() {
    let text = "trap 'echo GOT-USR2' USR2\n\
        sh -c 'trap \"echo CHILD-GOT\" USR2; echo child-up; while :; do sleep 0.1; done' &\n\
        while :; do sleep 0.1; done\n";
    let site = Setup::new().worker("a.sh", text).worker("done.sh", "exit 0\n").start();
    let before = site.wait_running(&["a"]);
    site.wait_state("done", "completed");
    site.wait_said("child-up");
    stdout(&site.run(&["signal", "a", "SIGUSR2"]));
    site.wait_said("GOT-USR2");
    assert!(!site.session().contains("CHILD-GOT"), "{}", site.session());
    site.assert_same_runs(&before);
    let refused = site.run(&["signal", "done", "SIGUSR2"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not running"));
    assert_eq!(site.run(&["signal", "a", "SIGNOPE"]).status.code(), Some(2));
    stdout(&site.run(&["signal", "a", "kill"]));
    site.wait_replaced(&before.worker("a"));
}

#[test]
fn the_last_lines_are_shown_without_an_arcanos_and_of_a_worker_that_is_gone() {
    let mut site = Setup::new().worker("a.sh", STAYS).worker("gone.sh", STAYS).start();
    site.wait_running(&["a", "gone"]);
    site.wait_said("[gone] up");
    site.remove("workers/gone.sh");
    site.wait("gone to be gone", |picture| picture.ids() == ["a"]);
    assert!(stdout(&site.run(&["logs", "gone"])).contains("[gone] up"));
    assert_eq!(site.run(&["logs", "nobody"]).status.code(), Some(1));
    site.stop();
    for id in ["a", "gone"] {
        let lines = stdout(&site.run(&["logs", id]));
        assert!(lines.contains(&format!("[{id}] up")), "{lines}");
    }
    let all = json_of(&site, &["logs", "--all", "-n", "5000", "--json"]).to_string();
    let config = site.path("arcanos.toml").display().to_string();
    for part in [
        "started: pid ",
        &format!(", profile development, config {config}"),
        "[arcanos] arcanos stopped: SIG",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert_eq!(site.run(&["logs", "nobody"]).status.code(), Some(5));
}

#[test]
fn a_task_is_run_with_the_input_that_was_given() {
    let site = Setup::new()
        .openai()
        .worker("a.mjs", "import OpenAI from 'openai'; export default async (input) => ({ got: input ?? null });")
        .start();
    site.wait_state("a", "completed");
    let output = stdout(&site.run(&["run-task", "a", "--input", r#"{"n":4711}"#]));
    assert_eq!(output, "a: completed\nresult: {\"got\":{\"n\":4711}}\n");
    site.wait_said(r#"result: {"got":{"n":4711}}"#);
}

#[test]
fn a_scheduled_task_that_is_run_by_hand_prints_its_whole_result() {
    let site = Setup::new()
        .openai()
        .set("workers.a.schedule", "'0 0 1 1 *'")
        .worker(
            "a.mjs",
            "import OpenAI from 'openai';
             export default async (input, { logger }) => { logger('at work'); return 'x'.repeat(2000) };",
        )
        .start();
    site.wait_state("a", "scheduled");
    let output = stdout(&site.run(&["run-task", "a"]));
    assert_eq!(output, format!("a: completed\nresult: \"{}\"\n", "x".repeat(2000)));
    let log = stdout(&site.run(&["logs", "a"]));
    assert!(log.contains("at work") && log.contains("result: \"xxx"), "{log}");
}

#[test]
fn the_token_of_the_config_is_used() {
    let site =
        Setup::new().set("server.token", "'a-token-of-some-length'").worker("a.sh", STAYS).start();
    site.wait_until("a to run", |site| {
        stdout(&site.run(&["status"])).contains("running").then_some(())
    });
}

#[test]
fn exit_codes_say_what_happened() {
    let site = Setup::new().worker("a.sh", STAYS).lay();
    let code = |arguments: &[&str]| site.run(arguments).status.code().unwrap();
    assert_eq!(code(&["check"]), 0);
    assert_eq!(code(&["status"]), 5);
    assert_eq!(code(&["restart", "a"]), 5);
    assert_eq!(code(&["--no-such-flag"]), 2);
    assert_eq!(code(&["--config", "nothing.toml"]), 2);
    assert_eq!(code(&["check", "--profile", "nobodys"]), 2);
    site.write("arcanos.toml", "[restart]\nmax_attempts = 'x'\n");
    assert_eq!(code(&["run"]), 2);
    assert!(!site.path(".arcanos").exists() || site.processes().is_empty());
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    site.write("arcanos.toml", format!("server.listen = '{}'\n", holder.local_addr().unwrap()));
    assert_eq!(code(&["run"]), 4);
    site.write("arcanos.toml", "server.listen = '0.0.0.0:0'\n");
    assert_eq!(code(&["run"]), 2, "beyond loopback a token is needed");
}

#[test]
fn start_workers_supervises_without_a_server() {
    let mut site =
        Setup::new().arg("start-workers").arg("--every").arg("100ms").worker("a.sh", STAYS).lay();
    site.launch();
    site.wait_said("✅ a running");
    assert_eq!(site.address(), None);
    assert_eq!(site.run(&["status"]).status.code(), Some(5));
    site.write("workers/b.sh", STAYS);
    site.wait_said("✅ b running");
    site.stop();
    assert!(site.session().contains("Stopping worker: a"));
}

#[test]
fn what_goes_on_is_printed_as_json_a_line_each() {
    let site = Setup::new().worker("a.sh", STAYS).start();
    site.wait_running(&["a"]);
    let states = follow(&site, &["status", "--watch", "--json"], |line, site| {
        if line["workers"]["active"][0] == "a" {
            site.post("/workers/stop/a");
        }
        line["workers"]["details"][0]["state"] == "stopped"
    });
    assert_eq!(states.first().unwrap()["summary"]["totalWorkers"], 1);

    let idle = Setup::new().worker("a.sh", STAYS).lay();
    let arguments = ["start-workers", "--every", "50ms", "--json"];
    let lines = follow(&idle, &arguments, |line, _| line["workers"]["running"] == 1);
    assert_eq!(lines.last().unwrap()["workers"]["total"], 1);
}

/// Reads JSON, a line each, from a command that goes on, until `is_enough`; then ends it.
fn follow(
    site: &Site,
    arguments: &[&str],
    is_enough: impl Fn(&Value, &Site) -> bool,
) -> Vec<Value> {
    let mut child = site.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = Vec::new();
    for line in lines {
        let line = line.unwrap();
        let value: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let is_last = is_enough(&value, site);
        seen.push(value);
        if is_last {
            break;
        }
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
    seen
}

#[test]
fn init_makes_a_project_that_is_good() {
    let site = Setup::bare().lay();
    site.remove("arcanos.toml");
    let init = stdout(&site.run(&["init"]));
    assert!(init.contains("arcanos.toml") && init.contains("workers/"), "{init}");
    stdout(&site.run(&["check"]));
    let scan = json_of(&site, &["scan", "--json"]);
    let files =
        scan["files"].as_array().unwrap().iter().filter(|file| file["verdict"] == "worker").count();
    assert_eq!(files, 1, "{scan}");
    let mine = "# mine\n";
    site.write("arcanos.toml", mine);
    stdout(&site.run(&["init"]));
    assert_eq!(site.read("arcanos.toml"), mine, "what is there is not overwritten");
}

#[test]
fn completions_are_there_for_every_shell() {
    let site = Setup::bare().lay();
    for shell in ["bash", "zsh", "fish"] {
        let text = stdout(&site.run(&["completions", shell]));
        assert!(text.contains("start-workers"), "{shell}");
    }
}

#[test]
fn a_reader_that_leaves_is_not_a_failure() {
    let site = Setup::bare().lay();
    let mut child =
        site.command(&["schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.code().is_some(), "{}", output.status);
}

#[test]
fn what_the_command_line_sets_holds_while_arcanos_runs() {
    let mut site = Setup::new()
        .set("restart.max_attempts", "1")
        .arg("--set=restart.max_attempts=7")
        .arg("run")
        .arg("--set")
        .arg("restart.jitter=0.5")
        .worker("a.sh", STAYS)
        .lay();
    site.start();
    let in_force = |site: &Site| {
        let answer = site.get("/config");
        let of = |key: &str| {
            (
                answer["config"]["restart"][key].clone(),
                answer["sources"][format!("restart.{key}")].clone(),
            )
        };
        [of("max_attempts"), of("jitter")]
    };
    let expected = [(7.into(), "command line".into()), (0.5.into(), "command line".into())];
    assert_eq!(in_force(&site), expected);
    site.set("restart.max_attempts", "2");
    site.reload();
    assert_eq!(in_force(&site), expected, "an edit of the file changes nothing of it");
    site.wait_running(&["a"]);
    // The running arcanos is found, and asked about the config with what is set over it.
    let plan = stdout(&site.run(&["check", "--set", "workers.a.enabled=false"]));
    assert!(plan.contains("- a stops"), "{plan}");
    let bad = site.run(&["check", "--set", "server.listen=nowhere"]);
    assert_eq!(bad.status.code(), Some(2));
    let said = String::from_utf8(bad.stderr).unwrap();
    assert!(said.contains("command line --set server.listen: "), "{said}");
}
