//! Waiting for a state, with a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Longest wait for anything. Generous: a test that passes never waits that long, and the machine
/// may have other work.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The pause between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until `look` returns something, and returns that.
///
/// # Panics
/// After [`DEADLINE`], with what `describe` returns.
pub(crate) fn until<T>(
    what: &str,
    look: impl FnMut() -> Option<T>,
    describe: impl FnOnce() -> String,
) -> T {
    poll(PAUSE, look).unwrap_or_else(|| panic!("waited in vain for {what}\n{}", describe()))
}

/// Looks once a `pause` until `look` returns something; `None` after [`DEADLINE`].
pub(crate) fn poll<T>(pause: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        thread::sleep(pause);
    }
}
