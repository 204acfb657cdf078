//! Workers that are launched after others, and stopped before them (`after`).

use rustix::process::{Pid, Signal, kill_process};

use crate::site::{Setup, Site};

#[test]
fn a_worker_is_launched_after_another_and_at_the_end_stopped_before_it() {
    let text = "trap 'echo ended; exit 0' TERM; echo \"$ARCANOS_WORKER_ID\"; sleep 86400 & wait";
    let mut site = Setup::new()
        .set("workers.app.after", "['db']")
        .set("workers.db.enabled", "false")
        .worker("app.sh", text)
        .worker("db.sh", text)
        .start();
    let is_waiting = |warnings: &serde_json::Value| {
        warnings.to_string().contains("waits for db, which is stopped")
    };
    let app = site.wait_until("app to wait", |picture| {
        let app = picture.worker("app");
        is_waiting(&app.at("/warnings")).then_some(app)
    });
    assert_eq!((app.state(), app.pid(), app.starts()), ("starting", None, 0));
    site.set("workers.db.enabled", "true");
    let app = site.wait_state("app", "running");
    assert!(!is_waiting(&app.at("/warnings")));
    let log = site.session();
    let place = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text}: {log}"));
    assert!(place("db running with model") < place("Launching worker: app"), "{log}");
    site.stop();
    let log = site.session();
    let place = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text}: {log}"));
    assert!(place("Worker app exited") < place("Stopping worker: db"), "{log}");
}

/// A chain of workers of which each is launched after the one before; `c` ends once there is a file.
fn chain() -> Site {
    let text = "trap 'exit 0' TERM; sleep 86400 & wait";
    let last = "trap 'echo asked; until [ -e end ]; do sleep 0.1; done; exit 0' TERM; \
                sleep 86400 & wait";
    let site = Setup::new()
        .set("stop.timeout", "'600s'")
        .set("workers.b.after", "['a']")
        .set("workers.c.after", "['b']")
        .worker("a.sh", text)
        .worker("b.sh", text)
        .worker("c.sh", last)
        .start();
    site.wait_running(&["a", "b", "c"]);
    site
}

#[test]
fn a_stop_of_all_stops_a_worker_before_those_it_is_launched_after() {
    let mut site = chain();
    assert_eq!(site.post("/workers/stop-all").status, 200);
    site.wait_said("[c] asked");
    assert_eq!((site.worker("a").state(), site.worker("b").state()), ("running", "running"));
    site.write("end", "");
    assert_eq!(site.post("/workers/stop-all?wait=1").status, 200);
    for worker in ["a", "b", "c"] {
        assert_eq!(site.worker(worker).state(), "stopped");
    }
    let log = site.session();
    let place = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text}: {log}"));
    assert!(place("Worker c exited") < place("Stopping worker: b"), "{log}");
    assert!(place("Worker b exited") < place("Stopping worker: a"), "{log}");
    site.stop();
}

#[test]
fn a_stop_that_waits_for_others_gives_way_to_a_start_and_to_a_stop_of_its_own() {
    let mut site = chain();
    let before = site.worker("a");
    assert_eq!(site.post("/workers/stop-all").status, 200);
    site.wait_said("[c] asked");
    assert_eq!(site.post("/workers/start/a?wait=1").status, 200);
    assert_eq!(site.post("/workers/stop/b?wait=1").status, 200);
    assert_eq!(site.worker("c").state(), "stopping");
    site.write("end", "");
    site.wait_state("c", "stopped");
    let a = site.worker("a");
    assert_eq!((a.state(), a.pid(), a.starts()), ("running", before.pid(), before.starts()));
    site.stop();
}

#[test]
fn a_worker_that_ends_while_its_stop_waits_is_stopped() {
    let mut site = chain();
    assert_eq!(site.post("/workers/stop-all").status, 200);
    site.wait_said("[c] asked");
    let pid = i32::try_from(site.worker("a").pid().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    site.wait_state("a", "stopped");
    assert_eq!(site.worker("b").state(), "running");
    site.write("end", "");
    site.stop();
}
