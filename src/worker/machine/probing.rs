//! [`Probing`]: when the probe of a run is asked, and how often it failed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{domain::Probe, worker::clock::Moment};

/// The shortest pause between two questions to a run that is not ready yet, unless `every` is
/// shorter: a worker that starts fast is seen to be up at once, as people see it.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);

/// Before readiness, the pause is this part of the run's age: a run that takes long to start is
/// asked less often, and its readiness is seen with a quarter of that time at most in delay.
const PART_OF_AGE: u32 = 4;

/// What is known of a run by its probe.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Probing {
    /// The moment from which the pause before the next question counts.
    from: Moment,
    /// The number of the last question.
    number: u64,
    /// Whether its answer is still to come.
    is_asking: bool,
    /// Failures in a row since the run was ready.
    failures: u32,
    /// Why the last one failed before the run was ready.
    last_failure: Option<String>,
}

impl Probing {
    /// Begins anew: nothing that was asked or answered before counts.
    pub(super) fn restart(&mut self, now: Moment) {
        self.forget_question();
        self.failures = 0;
        self.from = now;
    }

    /// Waits no more for the answer to the last question.
    pub(super) fn forget_question(&mut self) {
        self.is_asking = false;
        self.number += 1;
    }

    /// When the next question is due; `begun` is when the run was spawned, and `None` once it is
    /// ready.
    pub(super) fn due(&self, probe: &Probe, begun: Option<Moment>) -> Option<Moment> {
        let pause = match begun {
            Some(begun) => {
                let share = self.from.since(begun) / PART_OF_AGE;
                share.max(SHORTEST_PAUSE).min(probe.every)
            }
            None => probe.every,
        };
        (!self.is_asking).then(|| self.from.after(pause))
    }

    /// Asks; returns the number of the question.
    pub(super) fn ask(&mut self, now: Moment) -> u64 {
        self.forget_question();
        self.is_asking = true;
        self.from = now;
        self.number
    }

    /// Takes note that a question was answered; `false` if this answer is not waited for.
    pub(super) fn hears(&mut self, number: u64) -> bool {
        self.number == number && std::mem::take(&mut self.is_asking)
    }

    /// The run works.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The run, which is ready, failed. Returns how often it did so in a row.
    pub(super) fn failed(&mut self) -> u32 {
        self.failures += 1;
        self.failures
    }

    /// The run failed, which is not ready yet.
    pub(super) fn failed_early(&mut self, reason: String) {
        self.last_failure = Some(reason);
    }

    /// Why the last question failed before the run was ready.
    pub(super) fn take_last_failure(&mut self) -> Option<String> {
        self.last_failure.take()
    }
}
