//! The schedule of a worker, made for this machine's time zones.

use jiff::tz::TimeZone;

use crate::{config, domain::WorkerSpec, worker::Schedule};

/// The schedule of a spec. The config was checked, so this fails only if the system no longer knows
/// the time zone; then the worker does not run by the clock, and the log says so.
pub(super) fn schedule_of(spec: &WorkerSpec) -> Option<Schedule> {
    let policy = spec.policy.schedule.as_ref()?;
    let zone = match &policy.timezone {
        Some(name) => config::zone(name).map_err(|why| format!("`{name}` {why}")),
        None => Ok(TimeZone::system()),
    };
    let schedule = zone.and_then(|z| Schedule::new(policy, z).map_err(|error| error.to_string()));
    match schedule {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            tracing::error!(worker = %spec.id, error, "Schedule cannot be followed.");
            None
        }
    }
}
