//! The schema accepts what arcanos accepts, and says what each key is for.

use serde_json::{Value, json};

use super::Site;
use crate::config::{defaults::DEFAULTS, sample, schema};

#[test]
fn every_key_has_a_description_and_every_default_its_place() {
    let schema = schema();
    let draft = schema["$schema"].as_str().expect("a draft");
    assert_eq!(draft, "https://json-schema.org/draft/2020-12/schema");
    let mut count = 0;
    let definitions = schema["$defs"].as_object().expect("definitions");
    for table in definitions.values().chain([&schema]) {
        for (key, schema) in table["properties"].as_object().into_iter().flatten() {
            let about = schema["description"].as_str().unwrap_or_default();
            assert!(!about.is_empty() && !about.contains('\n'), "{key}: {about:?}");
            count += 1;
        }
        assert_eq!(table["additionalProperties"], false, "{table}");
    }
    assert!(count > 80, "{count} keys");
    // Nothing may be null in TOML; `null` is a word of one key only.
    let text = schema.to_string().replace("\"enum\":[\"null\",\"open\"]", "");
    assert!(!text.contains("null"), "{text}");
    let defaults: Value = from_toml(DEFAULTS);
    for (section, keys) in defaults.as_object().expect("sections") {
        for (key, default) in keys.as_object().into_iter().flatten() {
            if section != "profiles" {
                let table = resolve(&schema, &schema["properties"][section]);
                let seen = &table["properties"][key];
                assert_eq!(&seen["default"], default, "{section}.{key}");
            }
        }
    }
}

#[test]
fn the_schema_accepts_what_arcanos_accepts() {
    let schema = schema();
    for text in [
        "",
        DEFAULTS,
        sample(),
        "restart.max_attempts = \"unlimited\"\nrestart.delay = \"1h 30m\"\nlog.format = \"${F:-text}\"",
        "[workers.a]\nschedule = \"*/15 * * * *\"\ntimezone = \"Europe/Berlin\"\nargs = [\"x\"]\ncwd = \".\"\n\
         env = { A = \"b\" }\nrestart = { max_attempts = 5 }\nuser = \"nobody\"\nstdin = \"open\"\n\
         limits = { memory = \"512MB\", open_files = 10, cpu = 0.5 }",
    ] {
        assert_eq!(problem(&schema, &schema, &from_toml(text)), None, "{text}");
    }
}

#[test]
fn the_schema_and_arcanos_reject_alike() {
    let schema = schema();
    for text in [
        "nosuch = {}",
        "restart.max_atempts = 1",
        "restart.delay = 5",
        "restart.delay = \"5\"",
        "restart.policy = \"sometimes\"",
        "log.max_size = 10",
        "discovery.rules = { a = 1 }",
        "server.max_connections = \"many\"",
        "model.upstream = \"opanai\"",
        "profiles.x.nosuch = 1",
        "profiles.x.profiles = {}",
        "workers.a.stdin = \"inherit\"",
        "workers.a.limits.cpu = \"x\"",
        "[[discovery.rules]]\nname = \"x\"",
    ] {
        assert!(problem(&schema, &schema, &from_toml(text)).is_some(), "{text}");
        Site::new(text).errors();
    }
}

#[test]
fn the_sample_is_good() {
    let loaded = Site::new(sample()).good();
    // That there is no key is reported where the model is checked.
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

fn from_toml(text: &str) -> Value {
    let table: toml::Table = toml::from_str(text).expect("good TOML");
    serde_json::to_value(table).expect("TOML is JSON but for dates")
}

fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.trim_start_matches('#');
            root.pointer(pointer).expect("references lead somewhere")
        }
        None => schema,
    }
}

/// The first thing a schema says against a value, by the keywords that this schema uses.
fn problem(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = resolve(root, schema);
    if let Some(choices) = schema["anyOf"].as_array()
        && choices.iter().all(|choice| problem(root, choice, value).is_some())
    {
        return Some(format!("{value} fits none of {choices:?}"));
    }
    let is_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some(other) => panic!("a type this test does not know: {other}"),
        None => true,
    };
    let is_word = schema["enum"].as_array().is_none_or(|words| words.contains(value));
    let is_const = schema.get("const").is_none_or(|only| only == value);
    let fits = match (schema["pattern"].as_str(), value.as_str()) {
        (Some(pattern), Some(text)) => regex::Regex::new(pattern).expect("good").is_match(text),
        _ => true,
    };
    let least = schema["minimum"].as_f64().unwrap_or(f64::MIN);
    let in_range = value.as_f64().is_none_or(|number| number >= least);
    if !(is_type && is_word && is_const && fits && in_range) {
        return Some(format!("{value} against {schema}"));
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        if value.get(key.as_str()?).is_none() {
            return Some(format!("{key} is missing"));
        }
    }
    let elements = value.as_array().into_iter().flatten();
    let mut inner: Vec<(&Value, &Value)> = elements.map(|e| (&schema["items"], e)).collect();
    for (key, value) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(key) {
            Some(schema) => inner.push((schema, value)),
            None if schema["additionalProperties"] == json!(false) => {
                return Some(format!("{key} is unknown"));
            }
            None => inner.push((&schema["additionalProperties"], value)),
        }
    }
    inner.into_iter().find_map(|(schema, value)| problem(root, schema, value))
}
