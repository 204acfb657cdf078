//! Mistakes on purpose: how the tests find out what a mistake in arcanos costs.

/// Panics at this place if a test wants it to; nothing in an optimised build.
pub(crate) fn stumble(place: &str, at: &str) {
    if cfg!(debug_assertions) {
        let wanted = std::env::var("ARCANOS_STUMBLE").unwrap_or_default();
        assert!(wanted != format!("{place}:{at}"), "stumbled over {at}");
    }
}
