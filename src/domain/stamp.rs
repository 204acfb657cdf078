//! Timestamps and durations as people read them.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment of wall time, shown as RFC 3339 in UTC with milliseconds.
///
/// Only for showing and for schedules by the clock: every delay and deadline counts on
/// [`std::time::Instant`], which a jump of the clock does not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub Timestamp);

impl Stamp {
    /// The clock's present moment.
    #[must_use]
    pub fn now() -> Self {
        Self(Timestamp::now())
    }

    /// This moment in whole milliseconds, as it is shown.
    #[must_use]
    pub fn in_milliseconds(self) -> Self {
        Timestamp::from_millisecond(self.0.as_millisecond()).map_or(self, Self)
    }

    /// The moment so long after this one; the last one that can be shown if that is beyond it.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.checked_add(span).unwrap_or(Timestamp::MAX))
    }

    /// How far `later` lies behind this moment; zero if it does not.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::try_from(later.0.duration_since(self.0)).unwrap_or(Duration::ZERO)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

/// A run's age as the status shows it: `3s`, `2m 5s`, `1h 4m`. Whole seconds, rounded down.
#[must_use]
pub fn human_uptime(age: Duration) -> String {
    let seconds = age.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s}s"),
        (h, m, _) => format!("{h}h {m}m"),
    }
}

/// A delay as the log shows it: `500ms`, `5s`, `10.4s`, `1m 20s`, `2h 5m`.
///
/// Milliseconds below a second, tenths below a minute, whole seconds above.
#[must_use]
pub fn human_delay(delay: Duration) -> String {
    if delay < Duration::from_millis(1000) {
        return format!("{}ms", delay.as_millis());
    }
    let tenths = (delay.as_millis() + 50) / 100;
    if tenths < 600 {
        return match tenths % 10 {
            0 => format!("{}s", tenths / 10),
            rest => format!("{}.{rest}s", tenths / 10),
        };
    }
    let seconds = (delay.as_millis() + 500) / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m {s}s"),
        (h, 0, _) => format!("{h}h"),
        (h, m, _) => format!("{h}h {m}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_three_digits_of_milliseconds() {
        let stamp = |text: &str| Stamp(text.parse().expect("a good timestamp")).to_string();
        assert_eq!(stamp("2026-11-23T17:00:00Z"), "2026-11-23T17:00:00.000Z");
        assert_eq!(stamp("2026-11-23T17:00:00.1239Z"), "2026-11-23T17:00:00.123Z");
    }

    #[test]
    fn uptimes_read_like_the_node_systems() {
        for (seconds, text) in
            [(0, "0s"), (3, "3s"), (125, "2m 5s"), (3840, "1h 4m"), (90000, "25h 0m")]
        {
            assert_eq!(human_uptime(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn delays_are_exact_where_it_matters() {
        for (ms, text) in [
            (200, "200ms"),
            (5000, "5s"),
            (10_400, "10.4s"),
            (59_960, "1m"),
            (80_000, "1m 20s"),
            (300_000, "5m"),
            (7_500_000, "2h 5m"),
        ] {
            assert_eq!(human_delay(Duration::from_millis(ms)), text);
        }
    }
}
