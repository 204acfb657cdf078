//! The JSON Schema of `arcanos.toml`, for editors.

use figment::value::Value as Tree;
use schemars::{Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Map, Value, json};

use super::{defaults::DEFAULT_TREE, key::KeyPath, raw::RawFile, values::REFERENCE};

/// The JSON Schema (draft 2020-12) of `arcanos.toml`, with a description of every key.
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaGenerator::new(SchemaSettings::draft2020_12());
    let mut schema = generator.into_root_schema_for::<RawFile>().to_value();
    as_toml(&mut schema);
    require(&mut schema, "RawRule", &["name", "files", "command"]);
    add_defaults(&mut schema);
    let text = serde_json::to_string(&schema).unwrap_or_default();
    // The names of our own types mean nothing to who reads the schema.
    let mut schema: Value =
        serde_json::from_str(&text.replace("#/$defs/Raw", "#/$defs/")).unwrap_or(schema);
    if let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        *definitions = std::mem::take(definitions)
            .into_iter()
            .map(|(name, schema)| (name.trim_start_matches("Raw").to_owned(), schema))
            .collect();
    }
    schema["title"] = json!("arcanos.toml");
    schema
}

/// The form of `model.upstream`.
pub(super) fn upstream(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "enum": ["auto", "openai", "echo"] },
            { "type": "string", "pattern": format!("^https?://|{REFERENCE}") },
        ],
    })
}

/// Takes `null` away, which an optional key may be in JSON but nothing can be in TOML, and the
/// line breaks of our source out of the descriptions.
fn as_toml(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.retain(|choice| choice != &json!({ "type": "null" }));
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    object.remove("anyOf");
                    for (key, value) in only {
                        object.entry(key).or_insert(value);
                    }
                }
            }
            // No key is required but those of a rule, which are named below.
            object.remove("required");
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            object.values_mut().for_each(as_toml);
        }
        Value::Array(list) => list.iter_mut().for_each(as_toml),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn require(schema: &mut Value, definition: &str, keys: &[&str]) {
    schema["$defs"][definition]["required"] = json!(keys);
}

/// Writes each section's defaults beside its keys.
fn add_defaults(schema: &mut Value) {
    let Tree::Dict(_, sections) = &*DEFAULT_TREE else {
        return;
    };
    for name in sections.keys() {
        let reference = schema["properties"][name]["$ref"].as_str();
        let Some(definition) = reference.and_then(|r| r.strip_prefix("#/$defs/")) else {
            continue;
        };
        let definition = definition.to_owned();
        let Some(Value::Object(keys)) = schema["$defs"][&definition].get_mut("properties") else {
            continue;
        };
        describe(keys, &KeyPath::of(name));
    }
}

fn describe(keys: &mut Map<String, Value>, section: &KeyPath) {
    for (key, schema) in keys {
        let default = section.key(key).find(&DEFAULT_TREE);
        if let Some(default) = default.and_then(|value| serde_json::to_value(value).ok()) {
            schema["default"] = default;
        }
    }
}
