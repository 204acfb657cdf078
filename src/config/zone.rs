//! Time zones: by name, and that of this machine; and why one cannot be used.

use std::env;

use jiff::tz::{self, TimeZone};

use crate::domain::os_text;

/// What lacks where no zone is known.
const NO_DATA: &str = "this machine has no time zone data; install the package `tzdata`";

/// The zone of this IANA name.
///
/// # Errors
/// Why there is none, as what follows the name.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        if tz::db().is_definitively_empty() {
            format!("cannot be looked up: {NO_DATA}")
        } else {
            "is no time zone, expected an IANA name, like \"Europe/Berlin\"".to_owned()
        }
    })
}

/// Why the variable `TZ` of this process cannot be used, if it is set and cannot. Schedules in local
/// time are then read in UTC.
#[must_use]
pub fn local_zone_problem() -> Option<String> {
    let name = env::var_os("TZ")?;
    let shown = os_text::shown(&os_text::kept_os(&name)).into_owned();
    TimeZone::try_system().err()?;
    let why = if tz::db().is_definitively_empty() {
        NO_DATA
    } else {
        "there is no such time zone, expected an IANA name, like `Europe/Berlin`"
    };
    Some(format!("TZ: `{shown}` cannot be used ({why}), so local time is UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_zone_or_says_why_not() {
        assert!(zone("Europe/Berlin").is_ok());
        let why = zone("Europe/Berln").expect_err("a typo");
        assert!(why.starts_with("is no time zone"), "{why}");
    }
}
