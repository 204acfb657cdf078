//! The life of a worker: attempts, delays, policies, readiness, stops, and what is left behind.

use rustix::process::Signal;

use crate::site::{Setup, is_alive, until, zombies_of};

const STAYS: &str = "exec sleep 86400";
const IGNORES_TERM: &str = "trap '' TERM; echo up; while :; do sleep 86400; done";

#[test]
fn three_attempts_and_then_it_gives_up() {
    // Never up, however slow the machine is.
    let setup = Setup::new().set("start.alive_after", "'1m'").set("start.timeout", "'2m'");
    let site = setup.worker("a.sh", "echo tried; exit 3").start();
    let a = site.wait_state("a", "failed");
    assert_eq!((a.starts(), a.attempts(), a.at("/lastExit/code")), (4, 3, 3.into()));
    let log = site.wait_said("Worker a failed too many times, giving up");
    for n in 1..=3 {
        assert!(log.contains(&format!("Restarting worker a (attempt {n}/3) in ")), "{log}");
    }
    assert_eq!(log.matches("Worker a exited with code 3, signal null").count(), 4, "{log}");
    assert!(!log.contains('✅'), "a run that failed was never up: {log}");
    let tries = || site.log("a").matches("tried").count();
    site.wait_until("four tries in its own log", |_| (tries() == 4).then_some(()));
    assert_eq!(site.get("/workers/status")["summary"]["errorWorkers"], 1);
}

#[test]
fn delays_grow_and_are_shown() {
    let site = Setup::new().set("restart.delay", "'30ms'").worker("a.sh", "exit 1").start();
    site.wait_state("a", "failed");
    let log = site.session();
    for delay in ["in 30ms", "in 60ms", "in 120ms"] {
        assert!(log.contains(delay), "{delay}: {log}");
    }
}

#[test]
fn a_run_in_backoff_waits_and_a_restart_by_hand_goes_before_it() {
    let site = Setup::new()
        .set("restart.delay", "'1h'")
        .set("restart.max_delay", "'2h'")
        .worker("a.sh", "test -e $HOME/mended || exit 1; exec sleep 86400")
        .start();
    let a = site.wait_state("a", "backoff");
    assert!(a.at("/nextStartAt").is_string() && a.pid().is_none(), "{a:?}");
    site.write("mended", "");
    let reply = site.post("/workers/restart/a?wait=1");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let a = site.wait_state("a", "running");
    assert_eq!((a.attempts(), a.starts()), (0, 2));
}

#[test]
fn policies_decide_what_comes_after_an_exit() {
    let site = Setup::new()
        .set("workers.never.restart", "{ policy = 'never' }")
        .set("workers.always.restart", "{ policy = 'always', delay = '10ms' }")
        .worker("never.sh", "exit 1")
        .worker("always.sh", "exit 0")
        .worker("once.sh", "exit 0")
        .start();
    assert_eq!(site.wait_state("never", "failed").starts(), 1);
    assert_eq!(site.wait_state("once", "completed").starts(), 1);
    let many = site.wait("always to start again", |picture| picture.worker("always").starts() > 4);
    assert_eq!(many.worker("always").attempts(), 0);
}

#[test]
fn a_run_that_lasted_clears_the_count() {
    let site = Setup::new()
        .set("restart.reset_after", "'200ms'")
        .set("restart.max_attempts", "1")
        .worker("a.sh", "sleep 0.3; exit 1")
        .start();
    site.wait("more starts than attempts", |picture| picture.worker("a").starts() > 3);
    assert_ne!(site.worker("a").state(), "failed");
    site.write("workers/b.sh", "[ -e b.once ] && exec sleep 86400; touch b.once; exit 1");
    let again = |picture: &crate::site::Picture| {
        let b = picture.worker("b");
        (b.starts(), b.state(), b.attempts()) == (2, "running", 0)
    };
    site.wait("the count to be clear while it runs", again);
}

#[test]
fn a_run_that_never_gets_ready_is_stopped_and_failed() {
    let site = Setup::new()
        .openai()
        .set("start.ready", "'message'")
        .set("start.timeout", "'200ms'")
        .set("restart.max_attempts", "0")
        .worker("a.js", "require('openai'); setInterval(() => {}, 1e6)")
        .start();
    let a = site.wait_state("a", "failed");
    assert!(a.at("/lastExit/reason").to_string().contains("ready"), "{a:?}");
}

#[test]
fn a_run_that_takes_too_long_is_stopped_and_failed() {
    let site = Setup::new()
        .set("start.run_timeout", "'200ms'")
        .set("restart.max_attempts", "0")
        .worker("a.sh", STAYS)
        .start();
    let a = site.wait_state("a", "failed");
    assert!(a.at("/lastExit/reason").is_string(), "{a:?}");
}

#[test]
fn who_ignores_the_signal_is_killed_with_everything_it_started() {
    let text = "sh -c \"trap '' TERM; while :; do sleep 86400; done\" &
                setsid sh -c 'exec sleep 86400' & echo up; wait; exec sleep 86400";
    let site = Setup::new()
        .set("stop.timeout", "'200ms'")
        .worker("a.sh", &format!("trap '' TERM; {text}"))
        .worker("b.sh", STAYS)
        .start();
    site.wait_text("memory/logs/a.log", "up");
    let before = site.wait_running(&["a", "b"]);
    site.wait_until("five processes", |site| (site.processes().len() >= 5).then_some(()));
    assert_eq!(site.post("/workers/stop/a").status, 200);
    let a = site.wait_state("a", "stopped");
    assert_eq!(a.at("/lastExit/signal"), "SIGKILL");
    site.wait_until("only b to be left", |site| (site.processes().len() == 1).then_some(()));
    site.assert_same_run(&before, "b");
}

#[test]
fn what_a_run_leaves_in_its_group_ends_with_it() {
    let site = Setup::new()
        .set("restart.policy", "'never'")
        .worker("a.sh", "sleep 86400 & sleep 86400 & echo left them; exit 0")
        .start();
    site.wait_state("a", "completed");
    site.wait_until("nothing to be left", |site| site.processes().is_empty().then_some(()));
}

#[test]
fn an_exit_is_seen_from_the_process_though_its_pipes_stay_open() {
    let site = Setup::new().worker("a.sh", "setsid sleep 86400 & echo gone; exit 0").start();
    site.wait_state("a", "completed");
    site.wait_text("memory/logs/a.log", "gone");
}

#[test]
fn dead_children_are_reaped_whoever_left_them() {
    let orphans = "for n in 1 2 3 4 5; do (sleep 0.01 & exit 0); done; echo made; exec sleep 86400";
    let site = Setup::new().worker("a.sh", orphans).start();
    site.wait_text("memory/logs/a.log", "made");
    site.wait_state("a", "running");
    let pid = site.pid();
    site.wait_until("no zombies", |_| zombies_of(pid).is_empty().then_some(()));
}

#[test]
fn many_requests_for_one_worker_become_one() {
    let site = Setup::new().worker("a.sh", STAYS).start();
    let first = site.wait_state("a", "running");
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(site.post("/workers/restart/a?wait=1").status, 200));
        }
    });
    let a = site.wait_state("a", "running");
    assert_ne!(a.pid(), first.pid());
    assert!(a.starts() < 12, "{a:?}");
    assert_eq!(site.processes().len(), 1, "{:?}", site.processes());
}

#[test]
fn a_stop_by_a_person_lasts_over_edits_until_a_start() {
    let site = Setup::new().worker("a.sh", STAYS).start();
    site.wait_state("a", "running");
    assert_eq!(site.post("/workers/stop/a?wait=1").status, 200);
    site.wait_state("a", "stopped");
    site.write("workers/a.sh", "echo second; exec sleep 86400");
    site.wait("the edit to show", |picture| picture.worker("a").is_changed());
    assert_eq!(site.worker("a").state(), "stopped");
    assert_eq!(site.post("/workers/start/a?wait=1").status, 200);
    site.wait_text("memory/logs/a.log", "second");
    assert!(!site.wait_state("a", "running").is_changed());
}

#[test]
fn a_stop_wins_over_a_waiting_restart() {
    let site = Setup::new()
        .set("restart.delay", "'1h'")
        .set("restart.max_delay", "'1h'")
        .worker("a.sh", "exit 1")
        .start();
    site.wait_state("a", "backoff");
    assert_eq!(site.post("/workers/stop/a").status, 200);
    let a = site.wait_state("a", "stopped");
    assert!(a.at("/nextStartAt").is_null(), "{a:?}");
}

#[test]
fn the_first_signal_ends_all_side_by_side_and_the_second_kills() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut site = Setup::new()
            .set("stop.timeout", "'1h'")
            .worker("a.sh", IGNORES_TERM)
            .worker("b.sh", IGNORES_TERM)
            .start();
        for id in ["a", "b"] {
            site.wait_text(&format!("memory/logs/{id}.log"), "up");
        }
        site.signal(signal);
        site.wait_said("Stopping worker: a");
        site.wait_said("Stopping worker: b");
        // One that comes too soon belongs to the first, so it is sent until one counts.
        let gone = || {
            site.signal(signal);
            (!is_alive(site.pid())).then_some(())
        };
        until("the second signal to count", gone, String::new);
        assert_eq!(site.wait_end().code(), Some(code));
    }
}

#[test]
fn one_stop_that_arrives_twice_is_one() {
    for (first, again) in [(Signal::TERM, Signal::TERM), (Signal::INT, Signal::TERM)] {
        let drains =
            "trap 'sleep 1; echo drained; exit 0' TERM; echo up; while :; do sleep 0.02; done";
        let mut site = Setup::new().set("stop.timeout", "'1m'").worker("a.sh", drains).start();
        site.wait_text("memory/logs/a.log", "up");
        site.signal(first);
        site.signal(again);
        assert_eq!(site.wait_end().code(), Some(0));
        assert!(site.log("a").contains("drained"));
    }
}

#[test]
fn when_arcanos_is_killed_its_runs_die_and_the_next_start_ends_what_is_left() {
    let mut site = Setup::new()
        .worker("a.sh", "setsid sh -c 'trap \"\" TERM HUP; echo $$ > $HOME/left; exec sleep 86400' & exec sleep 86400")
        .start();
    let a = site.wait_state("a", "running");
    let left: u32 = site.wait_text("left", "\n").trim().parse().unwrap();
    site.kill();
    let gone = || (!is_alive(a.pid().unwrap())).then_some(());
    until("the run to die with arcanos", gone, String::new);
    site.start();
    let again = site.wait_state("a", "running");
    assert!(!is_alive(left), "what the dead one left is ended before anything starts");
    assert_ne!(again.pid(), a.pid());
}

#[test]
fn a_second_arcanos_names_the_first_and_changes_nothing() {
    let site = Setup::new().worker("a.sh", STAYS).start();
    let a = site.wait_state("a", "running");
    let second = site.run(&["run"]);
    assert_eq!(second.status.code(), Some(3));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains(&site.pid().to_string()), "{said}");
    assert_eq!(site.worker("a").pid(), a.pid());
}

#[test]
fn without_its_state_directory_arcanos_is_found_and_what_a_killed_one_left_is_ended() {
    let left = "setsid sh -c 'trap \"\" TERM HUP; echo $$ > $HOME/left; exec sleep 86400' & exec sleep 86400";
    let mut site = Setup::new().worker("a.sh", left).start();
    let a = site.wait_state("a", "running");
    let left: u32 = site.wait_text("left", "\n").trim().parse().unwrap();
    let directory = site.path(".arcanos");
    for what in ["directory", "lock"] {
        match what {
            "lock" => std::fs::remove_file(directory.join("lock")).unwrap(),
            // Out of the way first: what is made anew while files go one by one would be in it.
            _ => {
                std::fs::rename(&directory, site.path("gone")).unwrap();
                std::fs::remove_dir_all(site.path("gone")).unwrap();
            }
        }
        let second = site.run(&["run"]);
        let said = String::from_utf8_lossy(&second.stderr).into_owned();
        assert_eq!(second.status.code(), Some(3), "{what}: {said}");
        assert!(said.contains(&site.pid().to_string()), "{said}");
        let found = site.run(&["status"]);
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        assert_eq!(site.worker("a").pid(), a.pid());
        until(
            "lock and record",
            || ["lock", "instance.json"].iter().all(|f| directory.join(f).exists()).then_some(()),
            String::new,
        );
    }
    site.kill();
    site.start();
    site.wait_state("a", "running");
    assert!(!is_alive(left));
}

#[test]
fn a_worker_that_is_not_enabled_is_not_started_by_anybody() {
    let site = Setup::new().set("workers.a.enabled", "false").worker("a.sh", STAYS).start();
    site.wait_state("a", "stopped");
    let reply = site.post("/workers/start/a");
    assert_eq!((reply.status, reply.json()["code"].as_str()), (409, Some("disabled")));
    assert_eq!(site.worker("a").starts(), 0);
}

#[test]
fn a_stopped_process_is_woken_to_hear_its_stop() {
    let site = Setup::new().worker("a.sh", "kill -STOP $$; exec sleep 86400").start();
    let a = site.wait_state("a", "running");
    assert_eq!(site.post("/workers/stop/a?wait=1").status, 200);
    assert_eq!(site.wait_state("a", "stopped").at("/lastExit/signal"), "SIGTERM");
    assert!(!is_alive(a.pid().unwrap()));
}

#[test]
fn a_last_line_without_newline_is_kept() {
    let site = Setup::new().worker("a.sh", "printf 'no newline'; exit 0").start();
    site.wait_state("a", "completed");
    site.wait_said("[a] no newline");
    site.wait_until("its own log", |site| (site.log("a") == "no newline").then_some(()));
    assert_eq!(site.worker("a").at("/log/lines"), 1);
}
