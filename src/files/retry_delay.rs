//! The delay between tries to read a file that cannot be read yet: it doubles up to a second.

use std::time::{Duration, Instant};

/// When to try again to read a file that a program still writes to: after 4 ms at first, then
/// after twice as long each time, up to a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RetryDelay {
    due: Instant,
    step: Duration,
}

impl RetryDelay {
    const FIRST: Duration = Duration::from_millis(4);
    const LONGEST: Duration = Duration::from_secs(1);

    /// The first delay, from `now` on.
    #[must_use]
    pub(super) fn new(now: Instant) -> Self {
        Self { due: now + Self::FIRST, step: Self::FIRST }
    }

    /// Doubles the delay after a try that failed. A try before its time changes nothing.
    pub(super) fn go_on(&mut self, now: Instant) {
        if now >= self.due {
            self.step = (self.step * 2).min(Self::LONGEST);
            self.due = now + self.step;
        }
    }

    /// How long to wait for the next try.
    #[must_use]
    pub(super) fn remaining(&self, now: Instant) -> Duration {
        self.due.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_to_a_second_and_a_try_before_its_time_does_not_count() {
        let mut now = Instant::now();
        let mut retry_delay = RetryDelay::new(now);
        retry_delay.go_on(now);
        assert_eq!(retry_delay.remaining(now), RetryDelay::FIRST);
        for _ in 0..20 {
            now += retry_delay.remaining(now);
            retry_delay.go_on(now);
        }
        assert_eq!(retry_delay.remaining(now), RetryDelay::LONGEST);
    }
}
