//! Checks `schedule` and `timezone` of a worker.

use std::{str::FromStr, time::Duration};

use croner::Cron;
use jiff::{Timestamp, tz::TimeZone};

use super::checker::Checker;
use crate::{
    config::{key::KeyPath, raw::RawWorker, values::positive, zone::zone},
    domain::SchedulePolicy,
};

/// What a schedule by the span begins with.
const EVERY: &str = "every ";
/// The shortest span between ticks.
const MIN_EVERY: Duration = Duration::from_secs(1);

impl Checker<'_> {
    /// The schedule of the worker at this key, if it has one.
    pub(super) fn schedule(&mut self, raw: &RawWorker, key: &KeyPath) -> Option<SchedulePolicy> {
        let timezone = raw.timezone.clone().filter(|name| !name.is_empty());
        if let Some(name) = &timezone
            && let Err(text) = zone(name)
        {
            self.error_of_value(&key.key("timezone"), &text);
        }
        let expression = raw.schedule.as_deref().map(str::trim).filter(|s| !s.is_empty());
        let Some(expression) = expression else {
            for (part, is_set) in [
                ("timezone", timezone.is_some()),
                ("run_at_start", raw.run_at_start == Some(true)),
                ("catch_up", raw.catch_up.is_some()),
            ] {
                if is_set {
                    self.warn(&key.key(part), "has no effect without `schedule`");
                }
            }
            return None;
        };
        if let Err(reason) = parse(expression) {
            let text = format!(
                "is not a schedule ({reason}), expected cron, like \"*/15 * * * *\", or \"every 10m\""
            );
            self.error_of_value(&key.key("schedule"), &text);
        }
        Some(SchedulePolicy {
            expression: expression.to_owned(),
            timezone,
            run_at_start: raw.run_at_start.unwrap_or(false),
            catch_up: raw.catch_up.unwrap_or_default(),
        })
    }
}

fn parse(expression: &str) -> Result<(), String> {
    if let Some(span) = expression.strip_prefix(EVERY) {
        return match positive(span.trim()) {
            Some(span) if span >= MIN_EVERY => Ok(()),
            Some(_) => Err("less than a second".to_owned()),
            None => Err("no duration with a unit".to_owned()),
        };
    }
    let cron = Cron::from_str(expression)
        .map_err(|error| error.to_string().trim_end_matches('.').to_lowercase())?;
    // From the epoch on: a schedule whose last time has passed is not a mistake.
    let past = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    match cron.find_next_occurrence(&past, true) {
        Ok(_) => Ok(()),
        Err(_) => Err("there is no such day, so it would never come".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_cron_or_a_span() {
        for good in [
            "*/15 * * * *",
            "0 5 * * MON-FRI",
            "0 0 29 2 MON",
            "@daily",
            "0 0 0 1 1 * 2020",
            "every 10m",
            "every 1s",
        ] {
            assert_eq!(parse(good), Ok(()), "{good}");
        }
        for bad in ["* * *", "61 * * * *", "every 5", "every 10ms", "every", "sometimes"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for never in ["0 0 30 2 *", "0 0 31 4,6 *", "0 0 0 29 2 * 2027"] {
            assert!(parse(never).is_err_and(|reason| reason.contains("never come")), "{never}");
        }
    }
}
