//! Schedules: cron expressions and fixed intervals.

use std::{str::FromStr as _, time::Duration};

use croner::Cron;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::clock::{Moment, Present};
use crate::domain::{CatchUp, ScheduleMark, SchedulePolicy, Stamp};

/// The shortest `every`: a worker cannot sensibly be launched more often.
const SHORTEST: Duration = Duration::from_secs(1);

/// A schedule that is ready to be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    kind: Kind,
    /// Whether it also runs when the worker first comes up.
    pub run_at_start: bool,
    /// What follows cron ticks that were missed.
    pub catch_up: CatchUp,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// Counts on the clock that does not jump.
    Every(Duration),
    /// Looks at the wall, in this zone.
    Cron(Box<Cron>, TimeZone),
}

/// The next run by schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tick {
    /// When, by the clock that deadlines are counted on.
    pub(super) moment: Moment,
    /// When, to be shown.
    pub(super) at: Stamp,
}

/// Why an expression is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// `every` without a good duration.
    #[error("`{0}` has no duration of at least 1s after `every`, like \"every 10m\"")]
    Every(String),
    /// Not a cron expression.
    #[error("`{expression}` is not a cron expression ({reason}), like \"*/15 * * * *\"")]
    Cron {
        /// What was given.
        expression: String,
        /// What the parser says.
        reason: String,
    },
}

impl Schedule {
    /// Reads an expression; a cron one is meant in `zone`.
    ///
    /// # Errors
    /// Says what is wrong with the expression.
    pub fn new(policy: &SchedulePolicy, zone: TimeZone) -> Result<Self, ScheduleError> {
        let expression = policy.expression.trim();
        let kind = match expression.strip_prefix("every ") {
            Some(span) => Kind::Every(
                humantime::parse_duration(span.trim())
                    .ok()
                    .filter(|every| *every >= SHORTEST)
                    .ok_or_else(|| ScheduleError::Every(expression.to_owned()))?,
            ),
            None => {
                let cron = Cron::from_str(expression).map_err(|error| {
                    let reason = error.to_string();
                    ScheduleError::Cron { expression: expression.to_owned(), reason }
                })?;
                Kind::Cron(Box::new(cron), zone)
            }
        };
        Ok(Self { kind, run_at_start: policy.run_at_start, catch_up: policy.catch_up })
    }

    /// The first run after now; `last` is the tick before it, so that `every` keeps its beat.
    /// `None` if the expression names no moment any more.
    pub(super) fn next(&self, now: Present, last: Option<Tick>) -> Option<Tick> {
        match &self.kind {
            Kind::Every(every) => {
                let beat = last.map(|tick| tick.moment.after(*every));
                let moment = beat.filter(|beat| *beat > now.moment);
                let moment = moment.unwrap_or_else(|| now.moment.after(*every));
                let at = now.wall.after(moment.since(now.moment));
                Some(Tick { moment, at })
            }
            Kind::Cron(cron, zone) => {
                let from = now.wall.0.to_zoned(zone.clone());
                let next: Timestamp = cron.find_next_occurrence(&from, false).ok()?.timestamp();
                let at = Stamp(next);
                Some(Tick { moment: now.moment.after(now.wall.until(at)), at })
            }
        }
    }

    /// The first tick of a schedule that has come as far as this mark: `every` counts from the last
    /// run, also from that of an arcanos before this one.
    pub(super) fn first(&self, now: Present, mark: Option<&ScheduleMark>) -> Option<Tick> {
        if let (Kind::Every(every), Some(mark)) = (&self.kind, mark) {
            let due = mark.counted_from.after(*every);
            // A mark of the future is from a clock that was wrong.
            if mark.counted_from <= now.wall && due > now.wall {
                return Some(Tick { moment: now.moment.after(now.wall.until(due)), at: due });
            }
        }
        self.next(now, None)
    }

    /// Whether a run is due that nobody launched, as arcanos was down or the machine slept.
    pub(super) fn is_overdue(&self, now: Present, mark: &ScheduleMark) -> bool {
        match &self.kind {
            Kind::Every(every) => mark.counted_from.after(*every) <= now.wall,
            Kind::Cron(cron, zone) => {
                let seen = mark.seen.0.to_zoned(zone.clone());
                let missed = cron.find_next_occurrence(&seen, false);
                self.catch_up == CatchUp::One
                    && missed.is_ok_and(|missed| missed.timestamp() <= now.wall.0)
            }
        }
    }

    /// Whether a jump of the wall clock moves its next run.
    pub(super) const fn follows_the_wall(&self) -> bool {
        matches!(self.kind, Kind::Cron(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(expression: &str) -> SchedulePolicy {
        SchedulePolicy {
            expression: expression.to_owned(),
            timezone: None,
            run_at_start: false,
            catch_up: CatchUp::None,
        }
    }

    fn now(wall: &str) -> Present {
        Present { moment: Moment::default(), wall: Stamp(wall.parse().expect("a good timestamp")) }
    }

    fn next(expression: &str, zone: &str, wall: &str) -> String {
        let zone = TimeZone::get(zone).expect("a known zone");
        let schedule = Schedule::new(&policy(expression), zone).expect("a good schedule");
        schedule.next(now(wall), None).map(|t| t.at.to_string()).unwrap_or_default()
    }

    #[test]
    fn cron_is_read_in_its_zone() {
        let wall = "2026-11-23T12:00:00Z";
        assert_eq!(next("0 5 * * *", "Asia/Tokyo", wall), "2026-11-23T20:00:00.000Z");
        assert_eq!(next("*/15 * * * *", "UTC", "2026-11-23T12:01:00Z"), "2026-11-23T12:15:00.000Z");
    }

    #[test]
    fn a_time_that_daylight_saving_skips_or_repeats_runs_once_a_day() {
        // Berlin, 29 March 2026: 02:00 becomes 03:00; 25 October 2026: 03:00 becomes 02:00.
        let spring = next("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z");
        assert!(spring.starts_with("2026-03-29T01:"), "{spring}");
        let autumn = next("30 2 * * *", "Europe/Berlin", "2026-10-25T00:31:00Z");
        assert!(autumn.as_str() > "2026-10-25T01:31:00.000Z", "{autumn}");
    }

    #[test]
    fn over_daylight_saving_nothing_is_left_out_and_nothing_comes_twice() {
        let zone = TimeZone::get("Europe/Berlin").expect("a known zone");
        // Two days around each change of the clocks of 2026.
        for (expression, day, runs) in [
            ("30 2 * * *", "2026-03-28T12:00:00Z", 2),
            ("30 2 * * *", "2026-10-24T12:00:00Z", 2),
            ("0 * * * *", "2026-03-28T12:00:00Z", 48),
            ("0 * * * *", "2026-10-24T12:00:00Z", 48),
            ("*/15 * * * *", "2026-10-24T12:00:00Z", 4 * 48),
        ] {
            let schedule = Schedule::new(&policy(expression), zone.clone()).expect("good");
            let start = now(day);
            let mut at = start;
            let mut ticks = Vec::new();
            while let Some(tick) = schedule.next(at, None) {
                if start.wall.until(tick.at) > Duration::from_secs(48 * 60 * 60) {
                    break;
                }
                assert!(tick.at > at.wall, "{expression}: {} after {}", tick.at, at.wall);
                ticks.push(tick.at.to_string());
                at = Present { moment: tick.moment, wall: tick.at };
            }
            assert_eq!(ticks.len(), runs, "{expression} from {day}: {ticks:?}");
        }
    }

    #[test]
    fn every_keeps_its_beat_and_skips_what_it_slept_through() {
        let schedule = Schedule::new(&policy("every 10m"), TimeZone::UTC).expect("good");
        let start = now("2026-11-23T12:00:00Z");
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let first = schedule.next(start, None).expect("a tick");
        assert_eq!(first.moment, start.moment.after(minutes(10)));
        let late =
            Present { moment: first.moment.after(minutes(3)), wall: first.at.after(minutes(3)) };
        let second = schedule.next(late, Some(first)).expect("a tick");
        assert_eq!(second.moment, first.moment.after(minutes(10)));
        let much_later = Present { moment: first.moment.after(minutes(60)), wall: first.at };
        let third = schedule.next(much_later, Some(first)).expect("a tick");
        assert_eq!(third.moment, much_later.moment.after(minutes(10)));
    }

    #[test]
    fn what_is_not_a_schedule_is_refused_with_an_example() {
        for bad in ["every", "every 10", "every 100ms", "every never", "* * *", "61 * * * *", ""] {
            let error = Schedule::new(&policy(bad), TimeZone::UTC).expect_err(bad);
            assert!(error.to_string().contains("like \""), "{error}");
        }
    }
}
