//! What a run is given: environment, folder, descriptors, a process group, arguments.

use std::{collections::BTreeMap, ffi::OsString, os::unix::ffi::OsStringExt as _};

use crate::site::{Setup, Site};

/// Writes its environment down, complete by rename, and stays.
const TELLS_ENVIRONMENT: &str = "tr '\\0' '\\n' < /proc/$$/environ > $HOME/$ARCANOS_WORKER_ID.draft
     mv $HOME/$ARCANOS_WORKER_ID.draft $HOME/$ARCANOS_WORKER_ID.env; exec sleep 86400";

fn environment_of(site: &Site, id: &str) -> BTreeMap<String, String> {
    let text = site.wait_text(&format!("{id}.env"), "ARCANOS_WORKER_ID");
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_worker_has_what_env_says_and_the_marks_and_nothing_else() {
    let site = Setup::new()
        .set("model.upstream", "'openai'")
        .set("model.preflight", "false")
        .set("workers.b.env", "{ AI_MODEL = 'gpt-of-b' }")
        .env("OPENAI_API_KEY", "sk-launch-0123456789abcdef")
        .env("AI_MODEL", "gpt-of-all")
        .env("UNRELATED", "1")
        .env("NODE_OPTIONS", "--no-warnings")
        .worker("a.sh", TELLS_ENVIRONMENT)
        .worker("b.sh", TELLS_ENVIRONMENT)
        .start();
    let (a, b) = (environment_of(&site, "a"), environment_of(&site, "b"));
    let names: Vec<_> = a.keys().map(String::as_str).collect();
    let expected = [
        "AI_MODEL",
        "ARCANOS_RUN_ID",
        "ARCANOS_URL",
        "ARCANOS_WORKER_ID",
        "HOME",
        "OPENAI_API_KEY",
        "PATH",
        "WORKER_MANAGED",
    ];
    assert_eq!(names, expected);
    assert_eq!(a["OPENAI_API_KEY"], "sk-launch-0123456789abcdef");
    assert_eq!((a["AI_MODEL"].as_str(), b["AI_MODEL"].as_str()), ("gpt-of-all", "gpt-of-b"));
    assert_eq!((a["WORKER_MANAGED"].as_str(), a["ARCANOS_WORKER_ID"].as_str()), ("true", "a"));
    assert_eq!(a["ARCANOS_URL"], format!("http://{}", site.address().unwrap()));
    assert_ne!(a["ARCANOS_RUN_ID"], b["ARCANOS_RUN_ID"]);
    assert_eq!(site.wait_state("b", "running").at("/model"), "gpt-of-b");
}

#[test]
fn variables_and_paths_that_are_not_utf8_reach_a_worker_as_they_are() {
    let latin = |text: &[u8]| OsString::from_vec(text.to_vec());
    let site = Setup::new()
        .set("env.inherit", "['*']")
        .set("env.set", "{ COPY = 'x${JUNK}' }")
        .set("workers.a.cwd", "'${FOLDER}'")
        .set("workers.a.args", "['${JUNK}']")
        .env("JUNK", latin(b"caf\xe9"))
        .env("FOLDER", latin(b"d\xe9p\xf4t"))
        .env(latin(b"N\xc4ME"), "named")
        .worker("a.sh", "{ cat /proc/$$/environ; pwd; printf %s \"$1\"; } > $HOME/draft; mv $HOME/draft $HOME/seen; exec sleep 86400")
        .lay();
    std::fs::create_dir(site.root().join(latin(b"d\xe9p\xf4t"))).unwrap();
    let mut site = site;
    site.start();
    site.wait_state("a", "running");
    let seen = site.wait_until("its environment", |site| std::fs::read(site.path("seen")).ok());
    for part in
        [&b"JUNK=caf\xe9\0"[..], b"COPY=xcaf\xe9\0", b"N\xc4ME=named\0", b"/d\xe9p\xf4t\ncaf\xe9"]
    {
        let shown = String::from_utf8_lossy(&seen);
        assert!(seen.windows(part.len()).any(|at| at == part), "{part:?} in {shown}");
    }
}

#[test]
fn the_stand_in_reaches_a_worker_as_its_base_url() {
    let site =
        Setup::new().env("NO_PROXY", "example.org").worker("a.sh", TELLS_ENVIRONMENT).start();
    let a = environment_of(&site, "a");
    assert!(a["OPENAI_BASE_URL"].starts_with("http://127.0.0.1:"), "{a:?}");
    assert_eq!(a["OPENAI_API_BASE"], a["OPENAI_BASE_URL"]);
    assert!(a["NO_PROXY"].contains("example.org") && a["NO_PROXY"].contains("127.0.0.1"), "{a:?}");
    assert!(!a["OPENAI_API_KEY"].is_empty(), "the client refuses to start without a key");
    site.wait_said("Warning: Worker a starting without OPENAI_API_KEY");
}

#[test]
fn dotenv_files_are_read_and_the_environment_wins_over_them() {
    let site = Setup::new()
        .set("env.set.FIRST", "'${FIRST}'")
        .set("env.set.SECOND", "'${SECOND}'")
        .set("env.set.THIRD", "'${THIRD}'")
        .env("FIRST", "from the environment")
        .file(".env", "FIRST='from the file'\nSECOND='from the file'\n")
        .worker("a.sh", TELLS_ENVIRONMENT)
        .start();
    let a = environment_of(&site, "a");
    assert_eq!(
        (a["FIRST"].as_str(), a["SECOND"].as_str()),
        ("from the environment", "from the file")
    );
    assert!(!a.contains_key("THIRD"), "what is not set is left out");
    site.wait_said("env.set.THIRD: `${THIRD}` is not set, so workers do not get this variable");
}

#[test]
fn a_run_starts_in_the_folder_of_the_config_or_in_its_own_cwd() {
    let site = Setup::new()
        .set("workers.b.cwd", "'sub'")
        .file("sub/here", "")
        .worker("a.sh", "pwd; exec sleep 86400")
        .worker("b.sh", "pwd; exec sleep 86400")
        .start();
    let root = site.root().canonicalize().unwrap();
    site.wait_text("memory/logs/a.log", &format!("{}\n", root.display()));
    site.wait_text("memory/logs/b.log", &format!("{}/sub\n", root.display()));
}

#[test]
fn a_run_has_three_descriptors_and_no_more() {
    let names = "ls -l /proc/$$/fd; echo end; exec sleep 86400";
    let site = Setup::new()
        .set("workers.a.command", &format!("['/bin/sh', '-c', '''{names}''']"))
        .worker("a.sh", "")
        .start();
    let log = site.wait_text("memory/logs/a.log", "end");
    let tails: Vec<_> = log.lines().filter_map(|line| Some(line.split_once(" -> ")?.1)).collect();
    assert_eq!(tails.len(), 3, "{log}");
    assert_eq!(tails[0], "/dev/null");
    assert!(tails[1].starts_with("pipe:") && tails[2].starts_with("pipe:"), "{log}");
}

#[test]
fn a_run_leads_a_process_group_of_its_own_and_writes_no_core() {
    let site = Setup::new().worker("a.sh", "echo cores $(ulimit -c); exec sleep 86400").start();
    let a = site.wait_state("a", "running");
    let process =
        site.processes().into_iter().find(|process| Some(process.pid) == a.pid()).unwrap();
    assert_eq!(process.group, process.pid);
    site.wait_text("memory/logs/a.log", "cores 0\n");
}

#[test]
fn placeholders_and_arguments_are_filled_in() {
    let rule = "[{ name = 'sh', files = ['*.sh'], command = ['/bin/sh', '{file}', '{id}', '{dir}'], ipc = false, mode = 'script' }]";
    let site = Setup::new()
        .set("discovery.rules", rule)
        .set("workers.a.args", "['one', 'two words']")
        .worker("a.sh", "printf '<%s>' \"$@\"; echo; exec sleep 86400")
        .start();
    let folder = site.path("workers").canonicalize().unwrap();
    site.wait_text("memory/logs/a.log", &format!("<a><{}><one><two words>", folder.display()));
}

#[test]
fn a_program_that_does_not_exist_fails_at_once_with_its_name() {
    let site = Setup::new()
        .set("workers.a.command", "['/opt/nothing/here', '{file}']")
        .worker("a.sh", "")
        .worker("b.sh", "exec sleep 86400")
        .start();
    let a = site.wait_state("a", "failed");
    assert_eq!((a.attempts(), a.pid()), (0, None));
    let status = site.get("/workers/status");
    assert!(
        status["workers"]["errors"]["a"].as_str().unwrap().contains("/opt/nothing/here"),
        "{status}"
    );
    site.wait_running(&["b"]);
}

#[test]
fn a_variable_that_is_read_and_set_but_not_passed_on_is_warned_of() {
    let site = Setup::new()
        .openai()
        .env("DATABASE_URL", "x")
        .worker(
            "a.js",
            "require('openai'); const url = process.env.DATABASE_URL; setInterval(() => {}, 1e6)",
        )
        .start();
    let a = site.wait_state("a", "running");
    assert!(a.at("/warnings").to_string().contains("DATABASE_URL"), "{a:?}");
}

#[test]
fn a_limit_that_the_machine_cannot_hold_is_a_warning_in_the_status() {
    let site =
        Setup::new().set("workers.a.limits.cpu", "0.5").worker("a.sh", "exec sleep 86400").start();
    let a = site.wait_state("a", "running");
    // Where there is a cgroup v2 to be written to, the limit holds and nothing is said.
    let was_logged = site.session().contains("limits.cpu is not applied");
    let is_shown = a.at("/warnings").to_string().contains("limits.cpu");
    assert_eq!(is_shown, was_logged, "{}\n{}", a.at("/warnings"), site.session());
}

#[test]
fn stdin_ends_at_once_or_stays_open_until_the_run_ends() {
    let reader = "cat; echo over >> $HOME/$ARCANOS_WORKER_ID.over";
    let mut site = Setup::new()
        .set("workers.b.stdin", "'open'")
        .worker("a.sh", reader)
        .worker("b.sh", reader)
        .start();
    site.wait_state("a", "completed");
    let open = site.wait_state("b", "running");
    assert!(!site.path("b.over").exists());
    // It is part of the launch: the edit replaces the run.
    site.unset("workers.b.stdin");
    let closed = site.wait_state("b", "completed");
    assert_eq!(closed.starts(), open.starts() + 1);
    assert_eq!(site.read("b.over"), "over\n");
}

#[test]
fn a_run_over_its_memory_limit_is_ended_and_has_failed_whoever_holds_the_limit() {
    let grows = "sh -c 'x=$(head -c 60000000 /dev/zero | tr \"\\0\" a); sleep 86400' & wait";
    let site = Setup::new()
        .set("workers.a.limits.memory", "'32MiB'")
        .set("workers.a.restart.policy", "'never'")
        .set("workers.b.limits.memory", "'512MiB'")
        .worker("a.sh", grows)
        .worker("b.sh", "exec sleep 86400")
        .start();
    let a = site.wait_state("a", "failed");
    let reason = a.at("/reason").to_string();
    assert!(reason.contains("limits.memory"), "{reason}");
    // Said by arcanos, if there is no cgroup v2 to be written to.
    let is_ours = reason.contains("more than its limits.memory of 32 MiB");
    assert!(is_ours || reason.contains("the kernel killed it"), "{reason}");
    let b = site.wait_state("b", "running");
    assert_eq!((b.starts(), b.at("/warnings")), (1, serde_json::json!([])), "{b:?}");
}
