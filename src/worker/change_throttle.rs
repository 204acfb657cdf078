//! Limits how often a worker is restarted for changes of its file or settings.
//!
//! A person who saves several times in a row gets a restart for each. Without a limit a worker that
//! changes its own files would be restarted for ever.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Moment;

/// Changes in a row that are taken up at once: more than anybody saves by hand.
const BURST: u32 = 20;

/// The wait between those that follow; short, so that a flood of saves soon ends in the last one.
const PAUSE: Duration = Duration::from_secs(1);

/// So many wait no longer than that; then the wait doubles with each.
const GENTLE: u32 = 5;

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(30);

/// After so long without a change all is forgotten.
const CALM_PERIOD: Duration = Duration::from_secs(60);

/// The changes of late.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct ChangeThrottle {
    taken: u32,
    last: Option<Moment>,
}

impl ChangeThrottle {
    /// A change has come; says how long it has to wait.
    pub(super) fn wait(&mut self, now: Moment) -> Duration {
        if self.last.is_some_and(|last| now.since(last) >= CALM_PERIOD) {
            self.taken = 0;
        }
        self.last = Some(now);
        self.taken = self.taken.saturating_add(1);
        match self.taken.checked_sub(BURST + 1) {
            None => Duration::ZERO,
            Some(later) => {
                // Five are beyond the longest wait already.
                let doublings = later.saturating_sub(GENTLE - 1).min(5);
                (PAUSE * (1 << doublings)).min(LONGEST)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_up_at_once_and_what_never_rests_ever_more_rarely() {
        let mut now = Moment::default();
        let mut change_throttle = ChangeThrottle::default();
        let mut waits = |n: usize, gap: Duration| {
            let wait = |_| {
                now = now.after(gap);
                change_throttle.wait(now).as_secs()
            };
            (0..n).map(wait).collect::<Vec<_>>()
        };
        let second = Duration::from_secs(1);
        assert_eq!(waits(20, second), [0; 20]);
        assert_eq!(waits(12, second), [1, 1, 1, 1, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(waits(1, CALM_PERIOD - second), [30]);
        assert_eq!(waits(20, second * 60)[..2], [0, 0]);
    }
}
