//! Schedules: runs that come again, ticks that meet a run, edits that need no run.

use crate::site::Setup;

#[test]
fn a_schedule_runs_again_and_again() {
    let site = Setup::new()
        .set("workers.a", "{ schedule = 'every 1s', run_at_start = true }")
        .worker("a.sh", "echo ran; exit 0")
        .start();
    let a = site.wait("three runs", |picture| picture.worker("a").starts() >= 3);
    assert_eq!(a.worker("a").attempts(), 0);
    let a = site.wait_state("a", "scheduled");
    assert!(a.at("/nextStartAt").is_string() && a.pid().is_none(), "{a:?}");
}

#[test]
fn cron_says_when_the_next_run_is_in_its_own_zone() {
    let site = Setup::new()
        .set("workers.a", "{ schedule = '30 4 1 1 *', timezone = 'Asia/Kolkata' }")
        .set("workers.b", "{ schedule = '0 12 29 2 *', timezone = 'UTC' }")
        .worker("a.sh", "exit 0")
        .worker("b.sh", "exit 0")
        .start();
    let a = site.wait_state("a", "scheduled");
    let next = a.at("/nextStartAt");
    assert!(next.as_str().unwrap().ends_with("-12-31T23:00:00.000Z"), "04:30 in Kolkata: {next}");
    let next = site.wait_state("b", "scheduled").at("/nextStartAt");
    assert!(next.as_str().unwrap().ends_with("-02-29T12:00:00.000Z"), "{next}");
    assert_eq!(a.starts(), 0, "nothing runs before its time");
}

#[test]
fn a_tick_that_meets_a_run_is_skipped_and_counted() {
    let site = Setup::new()
        .set("workers.a", "{ schedule = 'every 1s', run_at_start = true }")
        .worker("a.sh", "exec sleep 86400")
        .start();
    let a = site.wait("skipped ticks", |picture| {
        picture.worker("a").at("/skippedRuns").as_u64() >= Some(2)
    });
    assert_eq!(a.worker("a").starts(), 1);
    assert_eq!(site.processes().len(), 1);
}

#[test]
fn an_edit_of_a_schedule_is_applied_without_a_run() {
    let mut site = Setup::new()
        .set("workers.a", "{ schedule = 'every 1h', run_at_start = true }")
        .worker("a.sh", "exit 0")
        .start();
    let before = site.wait_state("a", "scheduled");
    site.set("workers.a", "{ schedule = 'every 2h', run_at_start = true }");
    let after = site.wait("another next run", |picture| {
        picture.worker("a").at("/nextStartAt") != before.at("/nextStartAt")
    });
    assert_eq!(after.worker("a").starts(), 1);
    site.set("workers.a", "{ schedule = 'every 1s', run_at_start = true }");
    site.wait("it to run by the new one", |picture| picture.worker("a").starts() > 1);
}

#[test]
fn a_tick_starts_a_worker_that_had_failed() {
    let site = Setup::new()
        .set(
            "workers.a",
            "{ schedule = 'every 1s', run_at_start = true, restart = { max_attempts = 0 } }",
        )
        .worker("a.sh", "test -e $HOME/mended || exit 1; exit 0")
        .start();
    site.wait_said("Worker a exited with code 1");
    site.write("mended", "");
    site.wait_state("a", "scheduled");
    site.wait("a good run", |picture| picture.worker("a").at("/lastExit/code") == 0);
}

#[test]
fn a_bad_schedule_is_an_error_with_its_place() {
    let site = Setup::new()
        .set("workers.a.schedule", "'every now and then'")
        .worker("a.sh", "exit 0")
        .lay();
    let check = site.run(&["check"]);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&check.stdout),
        String::from_utf8_lossy(&check.stderr)
    );
    assert_eq!(check.status.code(), Some(2), "{said}");
    assert!(said.contains("workers.a.schedule:"), "{said}");
}

#[test]
fn a_tz_that_cannot_be_used_and_a_mistyped_id_are_said_at_start_and_shown() {
    let site = Setup::new()
        .set("workers.report", "{ schedule = '0 7 * * *' }")
        .set("workers.goalWatchr", "{ enabled = true }")
        .env("TZ", "Europe/Berln")
        .worker("report.sh", "exit 0")
        .worker("goalWatcher.sh", "exec sleep 86400")
        .start();
    site.wait_said("TZ: `Europe/Berln` cannot be used");
    site.wait_said("workers.goalWatchr: there is no such worker");
    let problems = site.get("/health")["problems"].to_string();
    assert!(problems.contains("Europe/Berln"), "{problems}");
    assert!(problems.contains("did you mean `goalWatcher`?"), "{problems}");
}

#[test]
fn every_counts_on_after_arcanos_was_killed() {
    let mut site = Setup::new()
        .set("workers.a", "{ schedule = 'every 1h', run_at_start = true }")
        .worker("a.sh", "exit 0")
        .start();
    let before = site.wait("a run that is over", |picture| {
        let a = picture.worker("a");
        a.starts() == 1 && a.state() == "scheduled"
    });
    let ran = before.worker("a").at("/lastRunAt").as_str().unwrap().to_owned();
    let file = ".arcanos/schedule-a.json";
    site.wait_text(file, &ran);
    site.set("workers.a", "{ schedule = 'every 1h' }");
    site.kill();
    site.start();
    let next = site.wait_state("a", "scheduled").at("/nextStartAt").as_str().unwrap().to_owned();
    // The same minute and second, an hour later.
    assert_eq!(next[14..19], ran[14..19], "{next} after {ran}");
}
