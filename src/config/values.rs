//! Types of values that are written as text: durations, sizes, counts, shares, signals.
//!
//! Each is read from what `arcanos.toml` may say, says what it expected, and has a schema.

use std::{fmt, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Unexpected, Visitor},
};

use super::model::Prepare;
use crate::domain::{Attempts, Concurrency, signal_number};

/// What a duration looks like; part of patterns.
const DURATION: &str = r"(\s*\d+(\.\d+)?\s*(nsec|ns|usec|us|msec|ms|seconds|second|secs|sec|s|minutes|minute|mins|min|m|hours|hour|hrs|hr|h|days|day|d|weeks|week|wks|wk|w))+\s*";
/// A reference to a variable, which may stand for any text.
pub(super) const REFERENCE: &str = r"\$\{";

/// A span of time, zero or more: `"500ms"`, `"5s"`, `"1h 30m"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct HumanDuration(pub(super) Duration);

/// A span of time that is not zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PositiveDuration(pub(super) Duration);

/// A span of time that is not zero, or `"never"`, which is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TimeLimit(pub(super) Option<Duration>);

/// Bytes, at least one: `"10MB"`, `"16KiB"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ByteSize(pub(super) u64);

/// How many restarts: a number from 0, or `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct AttemptLimit(pub(super) Attempts);

/// How many launches at once: a number from 1, `"auto"` or `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LaunchLimit(pub(super) Concurrency);

/// An exit code: a number from 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ExitCode(pub(super) u8);

/// A number from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Count(pub(super) u32);

/// A share, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share(pub(super) f64);

/// Processors, more than none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Processors(pub(super) f64);

/// `"auto"`, or a command as a list of strings.
impl<'de> Deserialize<'de> for Prepare {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(PrepareVisitor)
    }
}

struct PrepareVisitor;

impl<'de> Visitor<'de> for PrepareVisitor {
    type Value = Prepare;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#""auto", or a command as a list, like ["npm", "ci"]"#)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Prepare, E> {
        let invalid = || E::invalid_value(Unexpected::Str(text), &self);
        (text == "auto").then_some(Prepare::Auto).ok_or_else(invalid)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<Prepare, A::Error> {
        let mut command = Vec::new();
        while let Some(word) = words.next_element()? {
            command.push(word);
        }
        Ok(Prepare::Command(command))
    }
}

impl JsonSchema for Prepare {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Prepare".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "const": "auto" },
            { "type": "string", "pattern": REFERENCE },
            { "type": "array", "items": { "type": "string" } },
        ] })
    }
}

/// A signal by its name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Signal(pub(super) i32);

/// Which forms a value may have. A form that is not given, or gives `None`, is an error.
pub(super) struct Reading<T> {
    pub(super) expected: &'static str,
    pub(super) text: fn(&str) -> Option<T>,
    pub(super) integer: fn(i64) -> Option<T>,
    pub(super) float: fn(f64) -> Option<T>,
}

impl<T> Reading<T> {
    /// A value that is written as text only.
    pub(super) fn text(expected: &'static str, text: fn(&str) -> Option<T>) -> Self {
        Self { expected, text, integer: |_| None, float: |_| None }
    }

    /// Reads a value of these forms.
    pub(super) fn read<'de, D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        from.deserialize_any(self)
    }
}

impl<T> Visitor<'_> for Reading<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.text)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        (self.integer)(number).ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        (self.float)(number).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }
}

/// Makes a value readable by serde, with its schema.
macro_rules! value {
    ($type:ident, $reading:expr, $schema:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $reading.read(from).map(Self)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

value!(
    HumanDuration,
    Reading::text(r#"a duration with a unit, like "5s""#, duration),
    json_schema!({ "type": "string", "pattern": format!("^{DURATION}$|{REFERENCE}") })
);
value!(
    PositiveDuration,
    Reading::text(r#"a duration with a unit, like "5s", longer than none"#, positive),
    json_schema!({ "type": "string", "pattern": format!("^{DURATION}$|{REFERENCE}") })
);
value!(
    TimeLimit,
    Reading::text(r#"a duration with a unit, like "10m", or "never""#, |text| match text {
        "never" => Some(None),
        _ => positive(text).map(Some),
    }),
    json_schema!({ "type": "string", "pattern": format!("^({DURATION}|never)$|{REFERENCE}") })
);
value!(
    ByteSize,
    Reading::text(r#"a size with a unit, like "10MB" or "16KiB""#, size),
    json_schema!({
        "type": "string",
        "pattern": format!(r"^\d+(\.\d+)?\s*([KMGTPEkmgtpe][Ii]?)?[Bb]?$|{REFERENCE}"),
    })
);
value!(
    AttemptLimit,
    Reading {
        expected: r#"a whole number from 0, or "unlimited""#,
        text: |text| (text == "unlimited").then_some(Attempts::Unlimited),
        integer: |number| u32::try_from(number).ok().map(Attempts::Max),
        float: |_| None,
    },
    json_schema!({ "anyOf": [
        { "type": "integer", "minimum": 0, "maximum": u32::MAX },
        { "const": "unlimited" },
        { "type": "string", "pattern": REFERENCE },
    ] })
);
value!(
    LaunchLimit,
    Reading {
        expected: r#"a whole number from 1, "auto" or "unlimited""#,
        text: |text| match text {
            "auto" => Some(Concurrency::Auto),
            "unlimited" => Some(Concurrency::Unlimited),
            _ => None,
        },
        integer: |number| {
            usize::try_from(number).ok().filter(|n| *n > 0).map(Concurrency::AtMost)
        },
        float: |_| None,
    },
    json_schema!({ "anyOf": [
        { "type": "integer", "minimum": 1, "maximum": u32::MAX },
        { "enum": ["auto", "unlimited"] },
        { "type": "string", "pattern": REFERENCE },
    ] })
);
value!(
    ExitCode,
    Reading {
        expected: "an exit code, a whole number from 0 to 255",
        text: |_| None,
        integer: |number| u8::try_from(number).ok(),
        float: |_| None,
    },
    json_schema!({ "type": "integer", "minimum": 0, "maximum": 255 })
);
value!(
    Count,
    Reading {
        expected: "a whole number from 1",
        text: |_| None,
        integer: |number| u32::try_from(number).ok().filter(|n| *n > 0),
        float: |_| None,
    },
    json_schema!({ "type": "integer", "minimum": 1, "maximum": u32::MAX })
);
value!(
    Share,
    Reading {
        expected: "a number from 0 to 1, like 0.1",
        text: |_| None,
        integer: |number| (0..=1).contains(&number).then_some(number as f64),
        float: |number| (0.0..=1.0).contains(&number).then_some(number),
    },
    json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
);
value!(
    Processors,
    Reading {
        expected: "a number of processors above 0, like 0.5",
        text: |_| None,
        integer: |number| (number > 0).then_some(number as f64),
        float: |number| (number.is_finite() && number > 0.0).then_some(number),
    },
    json_schema!({ "type": "number", "exclusiveMinimum": 0 })
);
value!(
    Signal,
    Reading::text(r#"the name of a signal, like "SIGTERM""#, signal_number),
    json_schema!({ "type": "string", "pattern": format!(r"^[A-Za-z]+\d*$|{REFERENCE}") })
);

/// The longest duration, a century: a moment so far ahead can still be counted.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// A duration of whole and part numbers with units, but no months or years: nobody knows how
/// long those are, and `M` beside `m` is a trap.
fn duration(text: &str) -> Option<Duration> {
    let vague = |unit: &str| {
        matches!(unit, "M" | "month" | "months" | "y" | "yr" | "yrs" | "year" | "years")
    };
    if text.split(|c: char| !c.is_alphabetic()).any(vague) {
        return None;
    }
    // A number without a unit is a mistake everywhere else, so a bare zero is one too.
    if !text.chars().any(char::is_alphabetic) {
        return None;
    }
    humantime::parse_duration(text).ok().filter(|span| *span <= LONGEST)
}

/// A duration as `arcanos.toml` may write it, longer than none.
pub(super) fn positive(text: &str) -> Option<Duration> {
    duration(text).filter(|span| !span.is_zero())
}

fn size(text: &str) -> Option<u64> {
    if !text.ends_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let size: bytesize::ByteSize = text.parse().ok()?;
    Some(size.as_u64()).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_are_exact() {
        for (text, millis) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("10m", 600_000),
            ("1h 30m", 5_400_000),
            ("1.5s", 1_500),
            ("2d", 172_800_000),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "0", "s", "-5s", "5 parsecs", "1M", "2 years", "5s!", "36601d"] {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!(positive("0s"), None);
    }

    #[test]
    fn sizes_distinguish_thousands_from_1024s() {
        for (text, bytes) in [
            ("10MB", 10_000_000),
            ("10MiB", 10_485_760),
            ("16KiB", 16_384),
            ("1.5 kB", 1_500),
            ("7B", 7),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "10", "MB", "-1MB", "10 elephants", "0B", "1.2.3MB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
