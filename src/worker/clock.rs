//! Time as a machine counts it: from its own beginning.
//!
//! An [`Instant`] means nothing to another program, so none is part of a machine's state. The
//! state holds [`Moment`]s, and one [`Clock`] beside it ties them to this program's clock.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::domain::Stamp;

/// The present, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For delays and deadlines.
    pub instant: Instant,
    /// For schedules and for showing.
    pub wall: Stamp,
}

impl Now {
    /// The present moment.
    #[must_use]
    pub fn read() -> Self {
        Self { instant: Instant::now(), wall: Stamp::now() }
    }
}

/// A point in time, as the span since the machine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Moment(pub(super) Duration);

impl Moment {
    /// The moment so long after this one.
    pub(super) const fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// How long this moment is after an earlier one; zero if it is not after it.
    pub(super) const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The present as the machine counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Present {
    /// For delays and deadlines.
    pub(super) moment: Moment,
    /// For schedules and for showing.
    pub(super) wall: Stamp,
}

/// Ties the moments of one machine to the clock of this program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// When the machine was made.
    origin: Instant,
}

impl Clock {
    /// The clock of a machine that is made now.
    pub(super) const fn starting(now: Now) -> Self {
        Self { origin: now.instant }
    }

    /// The clock of a machine that another program made, and that was of this age there.
    pub(super) fn resuming(age: Moment, now: Now) -> Self {
        // Linux counts before the boot too. Elsewhere ages may begin anew, which only delays.
        Self { origin: now.instant.checked_sub(age.0).unwrap_or(now.instant) }
    }

    /// The present as the machine counts it.
    pub(super) fn present(self, now: Now) -> Present {
        let age = now.instant.saturating_duration_since(self.origin);
        Present { moment: Moment(age), wall: now.wall }
    }

    /// The moment by this program's clock; `None` if it is too far ahead to be counted.
    pub(super) fn instant(self, moment: Moment) -> Option<Instant> {
        self.origin.checked_add(moment.0)
    }
}
