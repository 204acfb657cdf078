//! Converts durations to seconds.

use std::time::Duration;

/// A duration in seconds, with milliseconds.
pub(super) fn seconds(span: Duration) -> f64 {
    span.as_millis() as f64 / 1000.0
}
