//! Makes a small instance of a JSON Schema, always the same one, for answers that must fit it.
//!
//! It knows what structured output may hold: types, properties, items, `enum`, `const`, `anyOf`,
//! `oneOf`, `allOf`, `$ref` within the schema, lengths, ranges, and the common formats. It does not
//! know patterns, and does not search: where two rules collide, the answer may not fit.

use serde_json::{Map, Number, Value, json};

/// How deep an instance goes; a schema that refers to itself ends here.
const MAX_DEPTH: usize = 24;

/// Values in an instance: a schema can ask for lists of lists without end.
const MAX_VALUES: usize = 2_000;

/// Characters of a text, whatever `minLength` says.
const MAX_CHARS: u64 = 1_000;

/// An instance of `schema` whose free texts are `remark`.
pub(super) fn instance(schema: &Value, remark: &str) -> Value {
    Maker { root: schema, remark, left: MAX_VALUES }.make(schema, 0)
}

struct Maker<'a> {
    root: &'a Value,
    remark: &'a str,
    left: usize,
}

impl<'a> Maker<'a> {
    fn make(&mut self, schema: &'a Value, depth: usize) -> Value {
        // What lies too deep is counted too, or a list of such values would have no end.
        let Some(left) = self.left.checked_sub(1) else {
            return Value::Null;
        };
        self.left = left;
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            return self.referred(target, depth);
        }
        let first = |key: &str| schema.get(key).and_then(Value::as_array)?.first();
        if let Some(value) = schema.get("const").or_else(|| first("enum")) {
            return value.clone();
        }
        if let Some(choice) = first("anyOf").or_else(|| first("oneOf")) {
            return self.make(choice, depth + 1);
        }
        if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
            return self.merged(schema, all, depth);
        }
        match kind(schema) {
            "object" => Value::Object(self.object(schema, depth)),
            "array" => Value::Array(self.array(schema, depth)),
            "number" => number(schema),
            "integer" => integer(schema),
            "boolean" => Value::Bool(true),
            "null" => Value::Null,
            _ => Value::String(text(schema, self.remark)),
        }
    }

    /// What `#`, or `#/$defs/NAME`, stands for.
    fn referred(&mut self, target: &str, depth: usize) -> Value {
        let root = self.root;
        target
            .strip_prefix('#')
            .and_then(|pointer| root.pointer(pointer))
            .map_or(Value::Null, |schema| self.make(schema, depth + 1))
    }

    /// The members of all, if they make objects; else what the first makes.
    fn merged(&mut self, schema: &'a Value, all: &'a [Value], depth: usize) -> Value {
        let mut members = self.object(schema, depth);
        for part in all {
            match self.make(part, depth + 1) {
                Value::Object(more) => members.extend(more),
                other => return other,
            }
        }
        Value::Object(members)
    }

    /// The required members; all of them where none is said to be required.
    fn object(&mut self, schema: &'a Value, depth: usize) -> Map<String, Value> {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return Map::new();
        };
        let required = schema.get("required").and_then(Value::as_array);
        properties
            .iter()
            .filter(|(name, _)| {
                required.is_none_or(|required| required.iter().any(|one| one == name.as_str()))
            })
            .map(|(name, schema)| (name.clone(), self.make(schema, depth + 1)))
            .collect()
    }

    /// One item, or as many as there must be: an empty list shows a reader nothing.
    fn array(&mut self, schema: &'a Value, depth: usize) -> Vec<Value> {
        let Some(items) = schema.get("items") else {
            return Vec::new();
        };
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        let wanted =
            bound("minItems").unwrap_or(1).max(1).min(bound("maxItems").unwrap_or(u64::MAX));
        let mut made = Vec::new();
        while (made.len() as u64) < wanted && self.left > 0 {
            made.push(self.make(items, depth + 1));
        }
        made
    }
}

/// The type of a schema: the first of several that is not null, or the one that its keys imply.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

/// The remark, made as long or short as it must be; a constant for the formats that have one.
fn text(schema: &Value, remark: &str) -> String {
    let fixed = match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => Some("2025-01-01T00:00:00Z"),
        Some("date") => Some("2025-01-01"),
        Some("time") => Some("00:00:00Z"),
        Some("duration") => Some("P1D"),
        Some("email") => Some("stand-in@arcanos.invalid"),
        Some("hostname") => Some("arcanos.invalid"),
        Some("uri") => Some("https://arcanos.invalid/stand-in"),
        Some("ipv4") => Some("127.0.0.1"),
        Some("ipv6") => Some("::1"),
        Some("uuid") => Some("00000000-0000-4000-8000-000000000000"),
        _ => None,
    };
    if let Some(fixed) = fixed {
        return fixed.to_owned();
    }
    let bound = |key: &str, absent| schema.get(key).and_then(Value::as_u64).unwrap_or(absent);
    let least = bound("minLength", 0).min(MAX_CHARS);
    let most = bound("maxLength", MAX_CHARS).min(MAX_CHARS);
    let wanted = (remark.chars().count() as u64).max(least).min(most);
    let filled = remark.chars().chain(std::iter::repeat('.'));
    filled.take(usize::try_from(wanted).unwrap_or(0)).collect()
}

/// A number within the bounds: 0.5 where there are none.
fn number(schema: &Value) -> Value {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    if let Some(step) = bound("multipleOf") {
        let least = bound("minimum").or_else(|| bound("exclusiveMinimum"));
        return Number::from_f64(((least.unwrap_or(0.0) / step).floor() + 1.0) * step)
            .map_or(Value::Null, Value::Number);
    }
    let least = bound("minimum").or_else(|| bound("exclusiveMinimum"));
    let most = bound("maximum").or_else(|| bound("exclusiveMaximum"));
    let value = match (least, most) {
        (Some(least), Some(most)) => f64::midpoint(least, most),
        (Some(least), None) => least + 0.5,
        (None, Some(most)) => most - 0.5,
        (None, None) => 0.5,
    };
    json!(value)
}

/// The least whole number within the bounds: 1 where there are none.
fn integer(schema: &Value) -> Value {
    let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
    let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|n| n.saturating_add(1)));
    let most = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|n| n.saturating_sub(1)));
    let value = match (least, most) {
        (Some(least), _) => least,
        (None, Some(most)) => most.min(1),
        (None, None) => 1,
    };
    let step = bound("multipleOf").filter(|step| *step > 0).unwrap_or(1);
    let over = value.rem_euclid(step);
    json!(if over == 0 { value } else { value.saturating_add(step - over) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::instance;

    #[test]
    fn an_instance_fits_its_schema() {
        let remark = "[arcanos stand-in] r";
        let defs = json!({ "$defs": { "node": { "type": "object", "properties": { "next": { "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/node" }] } } } }, "$ref": "#/$defs/node" });
        for (schema, expect) in [
            (json!({ "type": "string" }), json!(remark)),
            (json!({}), json!(remark)),
            (json!({ "type": "string", "maxLength": 4 }), json!("[arc")),
            (json!({ "type": "string", "minLength": 22 }), json!("[arcanos stand-in] r..")),
            (json!({ "type": "string", "format": "date" }), json!("2025-01-01")),
            (json!({ "type": ["null", "integer"] }), json!(1)),
            (json!({ "type": "integer", "minimum": 3 }), json!(3)),
            (json!({ "type": "integer", "exclusiveMaximum": 0 }), json!(-1)),
            (json!({ "type": "integer", "minimum": 7, "multipleOf": 5 }), json!(10)),
            (json!({ "type": "number", "minimum": 0, "maximum": 1 }), json!(0.5)),
            (json!({ "enum": ["low", "high"] }), json!("low")),
            (json!({ "const": 4 }), json!(4)),
            (json!({ "type": "array", "items": { "type": "boolean" } }), json!([true])),
            (
                json!({ "type": "array", "items": { "type": "null" }, "minItems": 2 }),
                json!([null, null]),
            ),
            (json!({ "type": "array", "items": { "type": "null" }, "maxItems": 0 }), json!([])),
            (json!({ "type": "object" }), json!({})),
            (
                json!({ "properties": { "a": { "const": 1 }, "b": { "const": 2 } }, "required": ["b"] }),
                json!({ "b": 2 }),
            ),
            (
                json!({ "allOf": [{ "properties": { "a": { "const": 1 } } }, { "properties": { "b": { "const": 2 } } }] }),
                json!({ "a": 1, "b": 2 }),
            ),
            (defs, json!({ "next": null })),
            (json!({ "$ref": "#/nowhere" }), json!(null)),
        ] {
            assert_eq!(instance(&schema, remark), expect, "{schema}");
        }
    }

    #[test]
    fn an_endless_schema_ends() {
        let endless = json!({ "type": "array", "minItems": 1_000_000, "items": { "$ref": "#" } });
        let text = instance(&endless, "r").to_string();
        assert!(text.len() < 100_000, "{}", text.len());
    }
}
