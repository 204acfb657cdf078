//! When to look again at what is not there to be read yet.

use std::time::{Duration, Instant};

/// When to look again at something that is not there to be read yet: soon at first, then ever
/// more rarely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryDelay {
    due: Instant,
    step: Duration,
}

impl RetryDelay {
    const FIRST: Duration = Duration::from_millis(4);
    const LONGEST: Duration = Duration::from_secs(1);

    /// Begins to wait.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { due: now + Self::FIRST, step: Self::FIRST }
    }

    /// Goes on waiting, after a look that was in vain. A look before its time changes nothing.
    pub fn go_on(&mut self, now: Instant) {
        if now >= self.due {
            self.step = (self.step * 2).min(Self::LONGEST);
            self.due = now + self.step;
        }
    }

    /// How long to wait for the next look.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Duration {
        self.due.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_to_a_second_and_a_look_before_its_time_does_not_count() {
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
