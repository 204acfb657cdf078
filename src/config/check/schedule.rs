//! `schedule` and `timezone` of a worker.

use std::{str::FromStr, time::Duration};

use croner::Cron;
use jiff::tz::TimeZone;

use super::sections::Scope;
use crate::{
    config::{key::KeyPath, raw::RawWorker, report::Report, values::positive},
    domain::SchedulePolicy,
};

/// What a schedule by the span begins with.
const EVERY: &str = "every ";
/// The shortest span between ticks.
const MIN_EVERY: Duration = Duration::from_secs(1);

/// The schedule of a worker, if it has one.
pub(super) fn schedule(
    raw: &RawWorker,
    key: &KeyPath,
    scope: &Scope<'_>,
    report: &mut Report,
) -> Option<SchedulePolicy> {
    let timezone = raw.timezone.clone().filter(|name| !name.is_empty());
    if let Some(name) = &timezone
        && TimeZone::get(name).is_err()
    {
        let key = key.key("timezone");
        let shown = report.shown(scope.written, &key);
        let text =
            format!("{shown} is no time zone, expected an IANA name, like \"Europe/Berlin\"");
        report.about(scope.layers, &key, text);
    }
    let Some(expression) = raw.schedule.as_deref().map(str::trim).filter(|s| !s.is_empty()) else {
        for (part, is_set) in
            [("timezone", timezone.is_some()), ("run_at_start", raw.run_at_start == Some(true))]
        {
            if is_set {
                let key = key.key(part);
                let text = format!("{key}: has no effect without `schedule`");
                report.warnings.push(text);
            }
        }
        return None;
    };
    if let Err(reason) = parse(expression) {
        let key = key.key("schedule");
        let shown = report.shown(scope.written, &key);
        let text = format!(
            "{shown} is no schedule ({reason}), expected cron, like \"*/15 * * * *\", or \"every 10m\""
        );
        report.about(scope.layers, &key, text);
    }
    Some(SchedulePolicy {
        expression: expression.to_owned(),
        timezone,
        run_at_start: raw.run_at_start.unwrap_or(false),
    })
}

fn parse(expression: &str) -> Result<(), String> {
    if let Some(span) = expression.strip_prefix(EVERY) {
        return match positive(span.trim()) {
            Some(span) if span >= MIN_EVERY => Ok(()),
            Some(_) => Err("less than a second".to_owned()),
            None => Err("no duration with a unit".to_owned()),
        };
    }
    match Cron::from_str(expression) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string().trim_end_matches('.').to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_cron_or_a_span() {
        for good in ["*/15 * * * *", "0 5 * * MON-FRI", "@daily", "every 10m", "every 1s"] {
            assert_eq!(parse(good), Ok(()), "{good}");
        }
        for bad in ["* * *", "61 * * * *", "every 5", "every 10ms", "every", "sometimes"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
