//! A machine that lives by the clock, and clocks that are set.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use super::world::spec;
use crate::{
    domain::{
        CatchUp, Exit, InstanceName, LogCounters, RunId, ScheduleMark, SchedulePolicy, Stamp,
        WorkerView,
    },
    worker::{Effect, Event, Machine, Now, RunKey, Schedule},
};

fn schedule(expression: &str) -> Schedule {
    let policy = SchedulePolicy {
        expression: expression.to_owned(),
        timezone: None,
        run_at_start: false,
        catch_up: CatchUp::None,
    };
    Schedule::new(&policy, TimeZone::UTC).expect("a good schedule")
}

fn stamp(text: &str) -> Stamp {
    Stamp(text.parse().expect("a good timestamp"))
}

/// A machine by this schedule, at noon.
fn machine(expression: &str) -> (Machine, Now) {
    let now = Now { instant: Instant::now(), wall: stamp("2026-11-23T12:00:00Z") };
    let (machine, effects) =
        Machine::new(spec(0, |_| ()), (Some(schedule(expression)), None), 7, now);
    assert!(effects.is_empty(), "nothing runs before its time");
    (machine, now)
}

fn view(machine: &Machine) -> WorkerView {
    machine.view(LogCounters::default().into(), None)
}

fn next(machine: &Machine) -> String {
    view(machine).next_start_at.map(|at| at.to_string()).unwrap_or_default()
}

fn starts(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::AskTurn))
}

#[test]
fn a_clock_that_is_set_moves_the_next_run_and_makes_none() {
    let (mut machine, mut now) = machine("0 * * * *");
    assert_eq!(next(&machine), "2026-11-23T13:00:00.000Z");
    for (wall, expected) in [
        ("2026-11-24T12:30:00Z", "2026-11-24T13:00:00.000Z"),
        ("2026-11-20T08:59:00Z", "2026-11-20T09:00:00.000Z"),
        ("2030-01-01T00:00:00Z", "2030-01-01T01:00:00.000Z"),
    ] {
        now.wall = stamp(wall);
        assert!(!starts(&machine.handle(Event::ClockMoved, now)), "{wall}");
        assert_eq!(next(&machine), expected);
    }
    let hour = Duration::from_secs(3600);
    assert_eq!(machine.deadline(), Some(now.instant + hour));
    now = Now { instant: now.instant + hour, wall: now.wall.after(hour) };
    assert!(starts(&machine.handle(Event::Deadline, now)));
    assert!(!starts(&machine.handle(Event::Deadline, now)), "one tick is one run");
}

#[test]
fn a_span_does_not_look_at_the_clock() {
    let (mut machine, mut now) = machine("every 10m");
    now.wall = stamp("2027-11-23T12:00:00Z");
    assert!(!starts(&machine.handle(Event::ClockMoved, now)));
    assert_eq!(machine.deadline(), Some(now.instant + Duration::from_secs(600)));
}

#[test]
fn a_tick_that_meets_a_run_is_counted_and_an_edit_of_the_schedule_makes_no_run() {
    let (mut machine, mut now) = machine("every 10m");
    let pass = |now: &mut Now, seconds| {
        let span = Duration::from_secs(seconds);
        *now = Now { instant: now.instant + span, wall: now.wall.after(span) };
    };
    pass(&mut now, 600);
    assert!(starts(&machine.handle(Event::Deadline, now)));
    let run = RunKey(0);
    let _ = machine.handle(Event::Admitted, now);
    let _ = machine.handle(
        Event::Spawned { run, id: RunId::new("i", 1), instance: InstanceName::new("9") },
        now,
    );
    for _ in 0..3 {
        pass(&mut now, 600);
        assert!(!starts(&machine.handle(Event::Deadline, now)));
    }
    assert_eq!((view(&machine).skipped_runs, view(&machine).starts), (3, 1));
    let effects = machine.apply(spec(0, |_| ()), Some(schedule("0 0 * * *")), now);
    assert!(effects.is_empty(), "{effects:?}");
    let (exit, evidence) = (Exit::Code(0), Default::default());
    assert!(!starts(&machine.handle(Event::Exited { run, exit, evidence }, now)));
    assert_eq!(next(&machine), "2026-11-24T00:00:00.000Z");
    let effects = machine.apply(spec(0, |_| ()), Some(schedule("every 1h")), now);
    assert!(effects.is_empty(), "{effects:?}");
    assert_eq!(machine.deadline(), Some(now.instant + Duration::from_secs(3600)));
}

/// A machine at noon whose schedule had come this far with an arcanos before; whether it starts.
fn starts_after(expression: &str, catch_up: CatchUp, from: &str) -> (bool, String) {
    let policy = SchedulePolicy {
        expression: expression.to_owned(),
        timezone: None,
        run_at_start: false,
        catch_up,
    };
    let schedule = Schedule::new(&policy, TimeZone::UTC).expect("a good schedule");
    let mark = ScheduleMark {
        expression: expression.to_owned(),
        counted_from: stamp(from),
        seen: stamp(from),
    };
    let now = Now { instant: Instant::now(), wall: stamp("2026-11-23T12:00:00Z") };
    let spec = spec(0, |spec| spec.policy.schedule = Some(policy));
    let (machine, effects) = Machine::new(spec, (Some(schedule), Some(mark)), 7, now);
    (starts(&effects), next(&machine))
}

#[test]
fn every_counts_from_the_last_run_of_the_arcanos_before() {
    for (from, expected) in [
        ("2026-11-22T13:00:00Z", (false, "2026-11-23T13:00:00.000Z")),
        // Overdue: it runs now.
        ("2026-11-22T11:00:00Z", (true, "2026-11-24T12:00:00.000Z")),
        // By a clock that was wrong.
        ("2027-01-01T00:00:00Z", (false, "2026-11-24T12:00:00.000Z")),
    ] {
        let (starts, next) = starts_after("every 24h", CatchUp::None, from);
        assert_eq!((starts, next.as_str()), expected, "{from}");
    }
}

#[test]
fn a_cron_tick_that_was_missed_is_made_up_for_once_where_that_is_wanted() {
    for (catch_up, from, expected) in [
        (CatchUp::One, "2026-11-20T12:00:00Z", true),
        (CatchUp::None, "2026-11-20T12:00:00Z", false),
        (CatchUp::One, "2026-11-23T11:59:00Z", false),
    ] {
        let (starts, next) = starts_after("0 5 * * *", catch_up, from);
        assert_eq!((starts, next.as_str()), (expected, "2026-11-24T05:00:00.000Z"), "{from}");
    }
}
