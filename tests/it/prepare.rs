//! `discovery.prepare`: packages are installed once for each lock file, before workers start.

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
