//! The README's table of keys, held against the schema.

use crate::config;

const README: &str = include_str!("../../../README.md");

#[test]
fn the_readme_names_every_key() {
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
            if !README.contains(&row) {
                missing.push(row);
            }
        }
    }
    assert!(missing.is_empty(), "not in the README's table: {missing:?}");
}
