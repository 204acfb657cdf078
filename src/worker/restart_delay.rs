//! Counts the restarts of a failing worker, and computes the delay before each.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{Attempts, Backoff, RestartPolicy};

/// Doublings after which a delay has surely reached any `max_delay`; keeps the shift in range.
const MAX_DOUBLINGS: u32 = 31;

/// Restarts spent since the count was last cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RestartCounter {
    spent: u32,
}

/// One restart that was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Which one it is, from 1.
    pub(super) number: u32,
    /// How long to wait before it.
    pub(super) delay: Duration,
}

impl RestartCounter {
    /// Restarts spent so far.
    pub(super) const fn spent(self) -> u32 {
        self.spent
    }

    /// Forgets what was spent.
    pub(super) const fn clear(&mut self) {
        self.spent = 0;
    }

    /// Spends one restart, if one is left. `jitter` is a random number in 0..1 and decides where
    /// in the range of the jitter the delay lies; `at_least` is the delay that the worker asked for.
    pub(super) fn spend(
        &mut self,
        policy: &RestartPolicy,
        jitter: f64,
        at_least: Option<Duration>,
    ) -> Option<Attempt> {
        let is_allowed = match policy.max_attempts {
            Attempts::Max(max) => self.spent < max,
            Attempts::Unlimited => true,
        };
        if !is_allowed {
            return None;
        }
        self.spent = self.spent.saturating_add(1);
        let delay = spread(base_delay(policy, self.spent), policy.jitter, jitter);
        Some(Attempt { number: self.spent, delay: delay.max(at_least.unwrap_or_default()) })
    }
}

/// The delay before this attempt, without jitter.
fn base_delay(policy: &RestartPolicy, attempt: u32) -> Duration {
    let factor = match policy.backoff {
        Backoff::Fixed => 1,
        Backoff::Exponential => 1_u32 << (attempt - 1).min(MAX_DOUBLINGS),
    };
    policy.delay.saturating_mul(factor).min(policy.max_delay.max(policy.delay))
}

/// Moves a delay by up to ± `share` of itself.
fn spread(delay: Duration, share: f64, jitter: f64) -> Duration {
    let factor = 1.0 + share * 2.0f64.mul_add(jitter, -1.0);
    delay.mul_f64(factor.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RestartWhen;

    fn policy(max_attempts: Attempts, backoff: Backoff) -> RestartPolicy {
        RestartPolicy {
            policy: RestartWhen::OnFailure,
            max_attempts,
            delay: Duration::from_secs(5),
            backoff,
            max_delay: Duration::from_secs(300),
            jitter: 0.0,
            reset_after: Duration::from_secs(60),
            success_codes: [0].into_iter().collect(),
        }
    }

    fn delays(policy: &RestartPolicy, jitter: f64, most: usize) -> Vec<u64> {
        let mut restart_counter = RestartCounter::default();
        std::iter::from_fn(|| restart_counter.spend(policy, jitter, None))
            .take(most)
            .map(|attempt| attempt.delay.as_millis() as u64)
            .collect()
    }

    #[test]
    fn three_attempts_wait_5_10_and_20_seconds() {
        let policy = policy(Attempts::Max(3), Backoff::Exponential);
        assert_eq!(delays(&policy, 0.5, 9), [5000, 10_000, 20_000]);
    }

    #[test]
    fn a_fixed_delay_stays_and_a_growing_one_is_capped() {
        assert_eq!(delays(&policy(Attempts::Max(2), Backoff::Fixed), 0.5, 9), [5000, 5000]);
        let endless = policy(Attempts::Unlimited, Backoff::Exponential);
        assert_eq!(delays(&endless, 0.5, 100).last(), Some(&300_000));
    }

    #[test]
    fn jitter_spreads_to_both_sides_by_its_share() {
        let policy = RestartPolicy { jitter: 0.1, ..policy(Attempts::Max(1), Backoff::Fixed) };
        assert_eq!(delays(&policy, 0.0, 1), [4500]);
        assert_eq!(delays(&policy, 0.5, 1), [5000]);
        assert_eq!(delays(&policy, 1.0, 1), [5500]);
    }

    #[test]
    fn a_worker_may_ask_for_more_time_but_not_for_less() {
        let policy = policy(Attempts::Max(2), Backoff::Fixed);
        let mut restart_counter = RestartCounter::default();
        let mut wait = |seconds| {
            let wish = Some(Duration::from_secs(seconds));
            restart_counter.spend(&policy, 0.5, wish).map(|a| a.delay.as_secs())
        };
        assert_eq!((wait(60), wait(1)), (Some(60), Some(5)));
    }

    #[test]
    fn no_attempts_means_none_and_clearing_gives_all_back() {
        assert!(delays(&policy(Attempts::Max(0), Backoff::Fixed), 0.5, 9).is_empty());
        let policy = policy(Attempts::Max(1), Backoff::Fixed);
        let mut restart_counter = RestartCounter::default();
        assert!(restart_counter.spend(&policy, 0.5, None).is_some());
        assert!(restart_counter.spend(&policy, 0.5, None).is_none());
        restart_counter.clear();
        assert_eq!(restart_counter.spend(&policy, 0.5, None).map(|a| a.number), Some(1));
    }
}
