//! `discovery.prepare`: packages are installed for each lock file, before workers start.

use crate::site::{Setup, Site};

const LOCK: &str = "{\"lockfileVersion\":3}";
const STAYS: &str = "test -e prepared.ok || echo too early; exec sleep 86400";

fn setup(command: &str) -> Setup {
    Setup::new()
        .set("discovery.prepare", &format!("['sh', '-c', '{command}']"))
        .set("workers.a.cwd", "'workers'")
        .worker("package-lock.json", LOCK)
        .worker("a.sh", STAYS)
}

fn times(site: &Site) -> usize {
    site.read("workers/prepared.ok").lines().count()
}

#[test]
fn it_runs_before_the_workers_and_again_only_for_another_lock_file() {
    let mut site = setup("echo x >> prepared.ok").start();
    let a = site.wait_state("a", "running");
    assert_eq!((times(&site), site.log("a").as_str()), (1, ""));
    site.stop();
    site.start();
    site.wait_state("a", "running");
    assert_eq!(times(&site), 1, "remembered over restarts");
    site.write("workers/package-lock.json", "{\"lockfileVersion\":3,\"name\":\"other\"}");
    site.wait_until("it to run again", |site| (times(site) == 2).then_some(()));
    assert_ne!(site.wait_state("a", "running").pid(), a.pid());
}

#[test]
fn a_failure_is_a_problem_and_the_workers_start_all_the_same() {
    let site = setup("echo cannot install >&2; exit 9").start();
    site.wait_state("a", "running");
    let health = site.wait_health("the failure to show", |health| health["status"] == "degraded");
    assert!(health["problems"].to_string().contains("prepare"), "{health}");
    site.wait_said("cannot install");
}

#[test]
fn what_came_up_without_its_packages_starts_again_once_they_are_there() {
    let site = setup("test -e up && echo x >> prepared.ok")
        .set("restart.policy", "'never'")
        .worker("a.sh", "test -e prepared.ok || exit 3; exec sleep 86400")
        .worker("b.sh", "exec sleep 86400")
        .start();
    site.wait_state("a", "failed");
    let before = site.wait_state("b", "running");
    site.write("workers/up", "");
    let output = site.run(&["reload"]);
    assert!(output.status.success(), "{output:?}");
    site.wait_state("a", "running");
    site.wait_until("b to run on the packages", |site| {
        let b = site.worker("b");
        (b.state() == "running" && b.pid() != before.pid()).then_some(())
    });
    assert_eq!(times(&site), 1);
    let plan = site.run(&["check"]);
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(plan.contains("nothing to do"), "{plan}");
}

#[test]
fn a_program_that_is_missing_is_named() {
    let site = Setup::new()
        .set("discovery.prepare", "['no-such-installer', 'ci']")
        .worker("package-lock.json", LOCK)
        .worker("a.sh", "exec sleep 86400")
        .start();
    site.wait_state("a", "running");
    let health =
        site.wait_health("the missing program to show", |health| health["status"] == "degraded");
    assert!(health["problems"].to_string().contains("no-such-installer"), "{health}");
}

#[test]
fn without_a_lock_file_it_does_not_run() {
    let site = Setup::new()
        .set("discovery.prepare", "['sh', '-c', 'echo x >> prepared.ok']")
        .worker("a.sh", "exec sleep 86400")
        .start();
    site.wait_state("a", "running");
    assert_eq!(times(&site), 0);
}

#[test]
fn a_long_one_says_that_it_goes_on() {
    let site = setup("until test -e go; do sleep 0.02; done; touch prepared.ok").start();
    site.wait_until("a word", |site| {
        let word = "Still preparing packages, 2s so far; the workers wait for it.";
        site.stderr().contains(word).then_some(())
    });
    assert_eq!(site.worker("a").state(), "starting");
    site.write("workers/go", "");
    site.wait_state("a", "running");
}

#[test]
fn it_runs_again_when_the_modules_are_gone_or_the_setting_is_another() {
    let mut site = setup("echo x >> prepared.ok; mkdir -p node_modules").start();
    site.wait_state("a", "running");
    site.stop();
    std::fs::remove_dir(site.path("workers/node_modules")).unwrap();
    site.start();
    site.wait_state("a", "running");
    assert_eq!(times(&site), 2);
    site.set("discovery.prepare", "['sh', '-c', 'echo y >> prepared.ok']");
    let a = site.worker("a");
    site.wait_until("the other command", |site| (times(site) == 3).then_some(()));
    assert_eq!(site.wait_state("a", "running").pid(), a.pid(), "the lock file is the same");
}

#[test]
fn what_runs_goes_on_until_packages_are_there_and_is_kept_if_that_fails() {
    let command =
        "echo x >> prepared.ok; until test -e go; do sleep 0.02; done; rm go; test -e good";
    let site = setup(command);
    let site = site.worker("go", "").worker("good", "").start();
    let a = site.wait_state("a", "running");
    std::fs::remove_file(site.path("workers/good")).unwrap();
    site.write("workers/package-lock.json", "{\"name\":\"other\"}");
    site.wait_until("a second run", |site| (times(site) == 2).then_some(()));
    site.write("workers/a.sh", "echo edited; exec sleep 86400");
    site.write("workers/b.sh", "exec sleep 86400");
    site.wait_state("b", "starting");
    assert_eq!(site.worker("a").pid(), a.pid(), "an edit waits for the packages too");
    site.write("workers/go", "");
    site.wait_state("b", "running");
    let edited = site.wait_replaced(&a);
    site.wait_health("the failure", |health| health["problems"].to_string().contains("prepare"));
    site.write("workers/good", "");
    site.write("workers/go", "");
    assert_eq!(site.post("/reload").status, 200);
    site.wait_until("a third run", |site| (times(site) == 3).then_some(()));
    let last = site.wait_replaced(&edited);
    assert_eq!(last.starts(), edited.starts() + 1);
    site.wait_health("no problem", |health| health["status"] == "OK");
}
