//! The words that keys like `restart.policy` accept, each list in one place.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::{
    model::{LogFormat, LogKind, View, Watch, WorldWritable},
    values::{REFERENCE, Reading},
};
use crate::domain::{
    Backoff, CatchUp, Mode, OnChange, ReadyRule, RestartWhen, Stdin, StopMessage, StopTarget,
};

/// Makes a type readable from these words, with its schema.
macro_rules! words {
    ($type:ident: $first:literal => $value:ident $(, $word:literal => $other:ident)* $(,)?) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                const EXPECTED: &str =
                    concat!("one of \"", $first, "\"" $(, ", \"", $word, "\"")*);
                Reading::text(EXPECTED, |text| match text {
                    $first => Some(Self::$value),
                    $($word => Some(Self::$other),)*
                    _ => None,
                })
                .read(from)
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
                json_schema!({ "anyOf": [
                    { "enum": [$first $(, $word)*] },
                    { "type": "string", "pattern": REFERENCE },
                ] })
            }
        }
    };
}

words!(Watch: "auto" => Auto, "native" => Native, "poll" => Poll);
words!(WorldWritable: "reject" => Reject, "warn" => Warn);
words!(View: "code" => Code, "raw" => Raw);
words!(Mode: "auto" => Auto, "script" => Script, "task" => Task);
words!(Stdin: "null" => Null, "open" => Open);
words!(RestartWhen: "on-failure" => OnFailure, "always" => Always, "never" => Never);
words!(Backoff: "exponential" => Exponential, "fixed" => Fixed);
words!(CatchUp: "none" => None, "one" => One);
words!(ReadyRule: "alive" => Alive, "message" => Message, "probe" => Probe, "line" => Line);
words!(StopTarget: "group" => Group, "main" => Main);
words!(StopMessage: "object" => Object, "string" => String);
words!(OnChange: "replace" => Replace, "overlap" => Overlap, "manual" => Manual);
words!(LogKind: "lifecycle" => Lifecycle, "activity" => Activity, "output" => Output);
words!(LogFormat: "text" => Text, "json" => Json);
