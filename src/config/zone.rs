//! Finds time zones by name, or says why one cannot be used.

use jiff::tz::{self, TimeZone};

/// What lacks where no zone is known.
const NO_DATA: &str = "this machine has no time zone data; install the package `tzdata`";

/// The zone of this IANA name.
///
/// # Errors
/// Why there is none, as what follows the name.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| match lacks_zones() {
        Some(why) => format!("cannot be looked up: {why}"),
        None => "is not a time zone, expected an IANA name, like \"Europe/Berlin\"".to_owned(),
    })
}

/// What this machine lacks, if it knows no time zone at all.
#[must_use]
pub fn lacks_zones() -> Option<&'static str> {
    tz::db().is_definitively_empty().then_some(NO_DATA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_zone_or_says_why_not() {
        assert!(zone("Europe/Berlin").is_ok());
        let why = zone("Europe/Berln").expect_err("a typo");
        assert!(why.starts_with("is not a time zone"), "{why}");
    }
}
