//! The time zone of this machine, and why it cannot be used.

use std::env;

use jiff::tz::TimeZone;

use crate::{config, domain::os_text};

/// Why the variable `TZ` of this process cannot be used, if it is set and cannot. Schedules in local
/// time are then read in UTC.
#[must_use]
pub fn local_zone_problem() -> Option<String> {
    let name = env::var_os("TZ")?;
    TimeZone::try_system().err()?;
    let name = os_text::kept_os(&name);
    let typo = "there is no such time zone, expected an IANA name, like `Europe/Berlin`";
    let why = config::lacks_zones().unwrap_or(typo);
    let shown = os_text::shown(&name);
    Some(format!("TZ: `{shown}` cannot be used ({why}), so local time is UTC"))
}
