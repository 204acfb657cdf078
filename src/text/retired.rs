//! [`RetiredSecrets`]: values that were secret and must stay so for a while.
//!
//! A key is rotated in `.env`, and a run that was started with the old one prints it while it ends,
//! or on and on where `on_change = "manual"` leaves it running.

use std::time::{Duration, Instant};

/// How long a value stays secret after the last run that was started with it. The figure is the
/// contract's.
const KEPT: Duration = Duration::from_secs(60);

/// The secrets now, and those of before that runs may still have.
///
/// Invariant: no value is both present and retired.
#[derive(Default)]
pub struct RetiredSecrets {
    current: Vec<(String, String)>,
    retired: Vec<Retired>,
}

/// A value that the config no longer has.
struct Retired {
    secret: (String, String),
    /// Since when no run has it, as far as was looked.
    unused_since: Option<Instant>,
}

impl RetiredSecrets {
    /// Takes these secrets, each with its name, and returns all that must not be shown from now on,
    /// the present ones first.
    ///
    /// `is_held` says whether a run that was started with this value lives. It is asked only when
    /// secrets are taken, so a value is kept for longer than it must be if they do not change.
    pub fn follow(
        &mut self,
        secrets: Vec<(String, String)>,
        is_held: impl Fn(&str) -> bool,
        now: Instant,
    ) -> Vec<(String, String)> {
        let gone = std::mem::replace(&mut self.current, secrets);
        let gone = gone.into_iter().map(|secret| Retired { secret, unused_since: None });
        self.retired.extend(gone);
        let current = &self.current;
        let is_present = |value: &str| current.iter().any(|(_, present)| present == value);
        self.retired.retain_mut(|retired| {
            let value = &retired.secret.1;
            retired.unused_since = match is_held(value) {
                true => None,
                false => retired.unused_since.or(Some(now)),
            };
            let is_over = retired.unused_since.is_some_and(|since| now - since >= KEPT);
            !is_over && !is_present(value)
        });
        let retired = self.retired.iter().map(|retired| retired.secret.clone());
        self.current.iter().cloned().chain(retired).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(value: &str) -> Vec<(String, String)> {
        vec![("KEY".to_owned(), value.to_owned())]
    }

    fn values(all: &[(String, String)]) -> Vec<&str> {
        all.iter().map(|(_, value)| value.as_str()).collect()
    }

    #[test]
    fn a_rotated_value_stays_secret_while_a_run_has_it_and_a_minute_longer() {
        let (mut secrets, start) = (RetiredSecrets::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(values(&secrets.follow(secret("old"), |_| true, at(0))), ["old"]);
        let is_old = |value: &str| value == "old";
        assert_eq!(values(&secrets.follow(secret("new"), is_old, at(1))), ["new", "old"]);
        assert_eq!(values(&secrets.follow(secret("new"), is_old, at(900))), ["new", "old"]);
        // The run has ended; that it has is noticed at the next change.
        for (seconds, expected) in
            [(901, &["new", "old"][..]), (960, &["new", "old"]), (961, &["new"])]
        {
            let all = secrets.follow(secret("new"), |_| false, at(seconds));
            assert_eq!(values(&all), expected, "after {seconds} s");
        }
    }

    #[test]
    fn a_value_that_comes_back_is_present_and_not_retired() {
        let (mut secrets, now) = (RetiredSecrets::default(), Instant::now());
        for value in ["old", "new", "old"] {
            secrets.follow(secret(value), |_| true, now);
        }
        assert_eq!(values(&secrets.follow(secret("old"), |_| true, now)), ["old", "new"]);
    }

    #[test]
    fn a_run_that_begins_late_with_an_old_value_counts() {
        let (mut secrets, now) = (RetiredSecrets::default(), Instant::now());
        secrets.follow(secret("old"), |_| false, now);
        secrets.follow(secret("new"), |_| false, now);
        let late = now + Duration::from_secs(59);
        secrets.follow(secret("new"), |_| true, late);
        let later = late + Duration::from_secs(59);
        assert_eq!(values(&secrets.follow(secret("new"), |_| false, later)), ["new", "old"]);
    }
}
