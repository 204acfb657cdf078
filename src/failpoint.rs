//! Failpoints: panics that tests trigger on purpose, to see that a bug in arcanos stays contained.

/// Panics if the variable `ARCANOS_FAILPOINT` is `PLACE:AT`. Does nothing in an optimised build.
pub(crate) fn failpoint(place: &str, at: &str) {
    if cfg!(debug_assertions) {
        let wanted = std::env::var_os("ARCANOS_FAILPOINT").unwrap_or_default();
        assert!(wanted != *format!("{place}:{at}"), "failpoint {place}:{at}");
    }
}
