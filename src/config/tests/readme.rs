//! The tables of keys in `docs/configuration.md`, held against the schema.

use crate::config;

const REFERENCE: &str = include_str!("../../../docs/configuration.md");

#[test]
fn the_reference_names_every_key() {
    let schema = config::schema();
    let sections = schema["properties"].as_object().expect("sections");
    let mut missing = Vec::new();
    for (section, about) in sections {
        if ["workers", "profiles"].contains(&section.as_str()) {
            continue;
        }
        let reference = about["$ref"].as_str().expect("a reference");
        let keys = &schema["$defs"][reference.trim_start_matches("#/$defs/")]["properties"];
        for key in keys.as_object().expect("keys").keys() {
            let row = format!("| `{section}.{key}` |");
            if !REFERENCE.contains(&row) {
                missing.push(row);
            }
        }
    }
    assert!(missing.is_empty(), "not in docs/configuration.md: {missing:?}");
}
