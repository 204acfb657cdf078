//! Edits of the folder and of the config: exactly the difference is applied.

use rustix::process::Signal;
use serde_json::json;

use crate::site::{NODE_RULE, Picture, SH_RULE, Setup, Site};

const STAYS: &str = "exec sleep 86400";

/// A site with workers `a` and `b` that run.
fn site() -> (Site, Picture) {
    let site = Setup::new().worker("a.sh", STAYS).worker("b.sh", STAYS).start();
    let picture = site.wait_running(&["a", "b"]);
    (site, picture)
}

#[test]
fn a_file_that_is_dropped_edited_and_removed_touches_nothing_else() {
    let (site, before) = site();
    let mut connection = site.connect();
    site.write("workers/seventh.sh", "echo first; exec sleep 86400");
    let seventh = site.wait_running(&["seventh"]).worker("seventh");
    site.write("workers/seventh.sh", "echo second; exec sleep 86400");
    let edited = site.wait_replaced(&seventh);
    assert_eq!((edited.starts(), edited.attempts()), (2, 0));
    site.remove("workers/seventh.sh");
    site.wait_state("seventh", "absent");
    site.assert_same_runs(&before);
    assert_eq!(site.picture().generation(), before.generation() + 3, "one for each change");
    let reply = connection.request("GET", "/health", &[], "");
    assert_eq!(reply.status, 200, "the connection from before still stands");
    assert_eq!(site.processes().len(), 2);
}

#[test]
fn a_renamed_file_is_another_worker() {
    let (site, before) = site();
    std::fs::rename(site.path("workers/a.sh"), site.path("workers/c.sh")).unwrap();
    site.wait_running(&["c"]);
    site.wait_state("a", "absent");
    site.assert_same_run(&before, "b");
}

#[test]
fn comments_and_the_order_of_keys_change_nothing() {
    let (site, before) = site();
    let lines = site.config_text();
    let backwards: Vec<_> = lines.lines().rev().collect();
    site.write("arcanos.toml", format!("# a comment\n{}\n", backwards.join("\n\n")));
    let plan = site.reload();
    assert_eq!((&plan["unchanged"], &plan["restarted"]), (&json!(2), &json!([])));
    site.assert_same_runs(&before);
    assert_eq!(site.picture().generation(), before.generation());
}

#[test]
fn settings_of_one_worker_restart_that_one_and_the_plan_says_why() {
    let (mut site, before) = site();
    site.set("workers.a.env", "{ COLOUR = 'red' }");
    let a = site.wait_replaced(&before.worker("a"));
    site.assert_same_run(&before, "b");
    let last = site.get("/config")["lastReload"].clone();
    assert_eq!(last["plan"]["restarted"], json!(["a"]), "{last}");
    assert!(last["plan"]["reasons"]["a"].as_str().unwrap().contains("COLOUR"), "{last}");
    site.set("workers.a.args", "['-x']");
    let a = site.wait_replaced(&a);
    site.set("workers.a.cwd", "'workers'");
    site.wait_replaced(&a);
    site.assert_same_run(&before, "b");
}

#[test]
fn the_environment_of_all_restarts_all_once() {
    let (mut site, before) = site();
    site.set("env.set.COLOUR", "'red'");
    for id in ["a", "b"] {
        assert_eq!(site.wait_replaced(&before.worker(id)).starts(), 2);
    }
    assert_eq!(site.reload()["unchanged"], 2);
}

#[test]
fn an_edit_of_a_dotenv_file_restarts_those_that_get_it() {
    let site = Setup::new()
        .set("workers.a.env", "{ COLOUR = '${COLOUR}' }")
        .file(".env", "COLOUR=red\n")
        .worker("a.sh", "echo $COLOUR; exec sleep 86400")
        .worker("b.sh", STAYS)
        .start();
    let before = site.wait_running(&["a", "b"]);
    site.wait_text("memory/logs/a.log", "red");
    site.write(".env", "COLOUR=blue\n");
    site.wait_replaced(&before.worker("a"));
    site.wait_text("memory/logs/a.log", "blue");
    site.assert_same_run(&before, "b");
}

#[test]
fn limits_of_restarts_and_stops_hold_at_once_without_a_restart() {
    let site = Setup::new()
        .set("stop.timeout", "'1h'")
        .worker("a.sh", "trap '' TERM; echo up; while :; do sleep 86400; done")
        .start();
    site.wait_text("memory/logs/a.log", "up");
    let before = site.wait_running(&["a"]);
    let mut site = site;
    site.set_all(&[
        ("stop.timeout", "'100ms'"),
        ("restart.max_attempts", "9"),
        ("workers.a.schedule", "'every 1h'"),
    ]);
    site.wait("the new limit", |picture| picture.worker("a").at("/maxAttempts") == 9);
    site.assert_same_runs(&before);
    assert_eq!(site.get("/config")["lastReload"]["plan"]["updated"], json!(["a"]));
    assert_eq!(site.post("/workers/stop/a?wait=1").status, 200);
    assert_eq!(site.wait_state("a", "stopped").at("/lastExit/signal"), "SIGKILL");
}

#[test]
fn a_failed_worker_starts_afresh_when_its_file_or_its_settings_change() {
    let mut site = Setup::new()
        .set("restart.max_attempts", "1")
        .worker("a.sh", "exit 1")
        .worker("b.sh", "test \"$MENDED\" || exit 1; exec sleep 86400")
        .start();
    site.wait_state("a", "failed");
    site.wait_state("b", "failed");
    site.write("workers/a.sh", STAYS);
    assert_eq!(site.wait_state("a", "running").attempts(), 0);
    assert_eq!(site.worker("b").starts(), 2, "an edit of another leaves it failed");
    site.set("workers.b.env", "{ MENDED = '1' }");
    assert_eq!(site.wait_state("b", "running").attempts(), 0);
}

#[test]
fn enabled_stops_and_starts_in_place() {
    let (mut site, before) = site();
    site.set("workers.a.enabled", "false");
    site.wait_state("a", "stopped");
    site.set("workers.a.enabled", "true");
    site.wait_state("a", "running");
    site.assert_same_run(&before, "b");
}

#[test]
fn rules_that_change_start_restart_and_stop_what_they_accept() {
    let (mut site, before) = site();
    site.write("workers/c.txt", STAYS);
    let text_rule = "{ name = 'txt', files = ['*.txt'], command = ['/bin/sh', '{file}'], ipc = false, mode = 'script' }";
    site.set("discovery.rules", &format!("[{SH_RULE}, {text_rule}]"));
    let c = site.wait_running(&["c"]).worker("c");
    site.assert_same_runs(&before);
    let other = text_rule.replace("'/bin/sh'", "'/bin/sh', '-e'");
    site.set("discovery.rules", &format!("[{SH_RULE}, {other}]"));
    site.wait_replaced(&c);
    site.assert_same_runs(&before);
    site.set("discovery.rules", &format!("[{SH_RULE}, {NODE_RULE}]"));
    site.wait_state("c", "absent");
    site.assert_same_runs(&before);
}

#[test]
fn another_folder_of_workers_takes_the_place_of_the_old_one() {
    let (mut site, _) = site();
    site.write("others/c.sh", STAYS);
    site.set("discovery.directory", "'others'");
    site.wait_running(&["c"]);
    site.wait("only c", |picture| picture.ids() == ["c"]);
    site.write("others/d.sh", STAYS);
    site.wait_running(&["d"]);
}

#[test]
fn a_folder_of_workers_that_is_not_there_keeps_what_runs_by_the_rules_it_was_found_by() {
    let (mut site, before) = site();
    site.set_all(&[("discovery.directory", "'others'"), ("discovery.rules", "[]")]);
    site.wait_health("the folder to be missed", |health| health["status"] == "degraded");
    site.set("restart.max_attempts", "9");
    site.wait("the rest to hold", |picture| picture.worker("a").at("/maxAttempts") == 9);
    site.assert_same_runs(&before);
    site.set("discovery.rules", &format!("[{SH_RULE}]"));
    site.write("others/c.sh", STAYS);
    site.wait("only c", |picture| picture.ids() == ["c"]);
    site.wait_health("nothing to be wrong", |health| health["status"] == "OK");
}

#[test]
fn the_state_directory_is_refused_by_name_and_the_rest_is_applied() {
    let (mut site, before) = site();
    site.set_all(&[("state.directory", "'elsewhere'"), ("restart.max_attempts", "8")]);
    site.wait("the rest to hold", |picture| picture.worker("a").at("/maxAttempts") == 8);
    let health = site.wait_health("the refusal to show", |health| health["status"] == "degraded");
    assert!(health.to_string().contains("state.directory"), "{health}");
    assert_eq!(site.get("/config")["config"]["state"]["directory"], ".arcanos");
    site.assert_same_runs(&before);
    site.unset("state.directory");
    site.wait_health("nothing to be refused", |health| health["status"] == "OK");
    assert!(!site.path("elsewhere").exists());
}

#[test]
fn a_token_and_allowed_hosts_hold_at_once() {
    let (mut site, before) = site();
    let asks =
        |site: &Site, headers: &[(&str, &str)]| site.request("GET", "/workers", headers, "").status;
    assert_eq!(asks(&site, &[("Host", "arcanos.example")]), 403);
    site.set("server.allowed_hosts", "['arcanos.example']");
    site.wait_until("the host to be allowed", |site| {
        (asks(site, &[("Host", "arcanos.example")]) == 200).then_some(())
    });
    site.set("server.token", "'a-token-of-some-length'");
    site.wait_until("the token to be needed", |site| (asks(site, &[]) == 401).then_some(()));
    let bearer = [("Authorization", "Bearer a-token-of-some-length")];
    assert_eq!(asks(&site, &bearer), 200);
    let workers = site.request("GET", "/workers", &bearer, "").json();
    assert_eq!(workers["workers"][0]["pid"], json!(before.worker("a").pid()));
    site.unset("server.token");
    site.wait_until("no token to be needed", |site| (asks(site, &[]) == 200).then_some(()));
}

#[test]
fn overlap_takes_over_when_the_new_version_is_ready() {
    let site = Setup::new()
        .set("reload.on_change", "'overlap'")
        .set("start.alive_after", "'300ms'")
        .worker("a.sh", "echo version 1; exec sleep 86400")
        .start();
    let before = site.wait_running(&["a"]);
    site.write("workers/a.sh", "echo version 2; exec sleep 86400");
    site.wait_text("memory/logs/a.log", "version 2");
    assert_eq!(site.processes().len(), 2, "the old run stays beside it until it is ready");
    site.wait_replaced(&before.worker("a"));
    site.wait_until("the old one to be gone", |site| (site.processes().len() == 1).then_some(()));
}

#[test]
fn overlap_keeps_the_old_version_when_the_new_one_is_bad() {
    let site = Setup::new()
        .set("reload.on_change", "'overlap'")
        .set("start.alive_after", "'200ms'")
        .worker("a.sh", STAYS)
        .start();
    let before = site.wait_running(&["a"]);
    site.write("workers/a.sh", "echo tried; exit 3");
    site.wait_text("memory/logs/a.log", "tried");
    site.wait("the edit to show", |picture| picture.worker("a").is_changed());
    site.wait_until("one process", |site| (site.processes().len() == 1).then_some(()));
    let a = site.wait_state("a", "running");
    assert_eq!(a.pid(), before.worker("a").pid());
    assert_eq!(site.log("a").matches("tried").count(), 1, "one try an edit");
    site.write("workers/a.sh", "echo good; exec sleep 86400");
    assert!(!site.wait_replaced(&a).is_changed());
}

#[test]
fn manual_only_shows_an_edit_until_a_restart() {
    let site = Setup::new().set("reload.on_change", "'manual'").worker("a.sh", STAYS).start();
    let before = site.wait_running(&["a"]);
    site.write("workers/a.sh", "echo second; exec sleep 86400");
    site.wait("the edit to show", |picture| picture.worker("a").is_changed());
    site.assert_same_runs(&before);
    assert_eq!(site.post("/workers/restart/a?wait=1").status, 200);
    assert!(!site.wait_replaced(&before.worker("a")).is_changed());
    site.write("workers/b.sh", STAYS);
    site.wait_running(&["b"]);
    site.remove("workers/a.sh");
    site.wait_state("a", "absent");
}

#[test]
fn sighup_looks_at_the_disk() {
    let site = Setup::new()
        .set("discovery.watch", "'poll'")
        .set("discovery.scan_interval", "'1h'")
        .worker("a.sh", STAYS)
        .start();
    let before = site.wait_running(&["a"]);
    site.write("workers/b.sh", STAYS);
    site.signal(Signal::HUP);
    site.wait_running(&["b"]);
    site.assert_same_runs(&before);
}

#[test]
fn a_picture_of_a_generation_shows_every_worker_of_it() {
    let setup =
        Setup::new().set("discovery.watch", "'poll'").set("discovery.scan_interval", "'1h'");
    let setup = (0..30).fold(setup, |setup, n| setup.worker(&format!("w{n}.sh"), STAYS));
    let site = setup.start();
    let first = site.wait("the first generation", |picture| picture.generation() > 0);
    assert_eq!(first.ids().len(), 30);
    for n in 30..60 {
        site.write(&format!("workers/w{n}.sh"), STAYS);
    }
    assert_eq!(site.reload()["started"].as_array().unwrap().len(), 30);
    assert_eq!(site.picture().ids().len(), 60);
}

#[test]
fn the_reply_to_a_reload_is_the_plan() {
    let mut site = Setup::new()
        .set("discovery.watch", "'poll'")
        .set("discovery.scan_interval", "'1h'")
        .worker("a.sh", STAYS)
        .worker("b.sh", STAYS)
        .worker("c.sh", STAYS)
        .worker("d.sh", STAYS)
        .start();
    let before = site.wait_running(&["a", "b", "c", "d"]);
    site.write("workers/a.sh", "echo second; exec sleep 86400");
    site.remove("workers/b.sh");
    site.set("workers.c.restart.max_attempts", "5");
    site.write("workers/e.sh", STAYS);
    let plan = site.reload();
    assert_eq!(plan["stopped"], json!(["b"]), "a removed file is waited for: {plan}");
    assert_eq!(plan["restarted"], json!(["a"]), "{plan}");
    assert_eq!(plan["started"], json!(["e"]), "{plan}");
    assert_eq!(plan["updated"], json!(["c"]), "{plan}");
    assert_eq!(plan["unchanged"], 1, "{plan}");
    assert_eq!(site.get("/config")["lastReload"]["plan"]["stopped"], json!(["b"]));
    site.wait_running(&["e"]);
    site.wait_state("b", "absent");
    site.wait_replaced(&before.worker("a"));
    assert_eq!(site.worker("c").at("/maxAttempts"), 5);
    site.assert_same_run(&before, "c");
    site.assert_same_run(&before, "d");
    assert_eq!(site.reload()["unchanged"], 4);
}
