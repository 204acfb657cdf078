//! The schedule of a worker, and its progress.

use serde::{Deserialize, Serialize};

use super::Stamp;

/// When a worker runs by the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulePolicy {
    /// The cron expression, or `every 10m`; checked.
    pub expression: String,
    /// The IANA name of the zone that a cron expression is read in; `None` is local time.
    pub timezone: Option<String>,
    /// Whether it also runs when arcanos or the worker first comes up.
    pub run_at_start: bool,
    /// What follows cron ticks that were missed.
    pub catch_up: CatchUp,
}

/// What follows when cron ticks were missed while arcanos was down or the machine slept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatchUp {
    /// Nothing: the next tick counts.
    #[default]
    None,
    /// One run, however many were missed.
    One,
}

/// How far a schedule has come. It outlives arcanos.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleMark {
    /// The expression it belongs to.
    pub expression: String,
    /// The last run; before the first one, when the schedule was first followed.
    pub counted_from: Stamp,
    /// All ticks until then were followed.
    pub seen: Stamp,
}
