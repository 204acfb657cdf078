//! What the repository ships beside the program: the config with its comments, and the schema of it.

use crate::site::Setup;

#[test]
fn the_schema_is_the_one_that_editors_are_given() {
    let site = Setup::bare().lay();
    let shipped = include_str!("../../.arcanos.schema.json");
    let output = site.run(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        printed.trim_end(),
        shipped.trim_end(),
        "write it anew: arcanos schema > .arcanos.schema.json"
    );
}

/// A key that stands in the shipped config as a comment is the default, so it must be it.
#[test]
fn the_comments_of_the_shipped_config_are_the_real_defaults() {
    let site = Setup::bare().env("PORT", "0").start();
    let defaults = site.get("/config")["config"].clone();
    let shipped = include_str!("../../arcanos.toml");
    // Single workers and profiles come last, and are examples.
    let shipped = &shipped[..shipped.find("- single workers").unwrap()];
    let mut output = String::new();
    for line in shipped.lines() {
        let is_list_open = output.matches('[').count() > output.matches(']').count();
        let commented = line.strip_prefix("# ").filter(|rest| is_list_open || is_setting(rest));
        let header = line.starts_with('[').then(|| line.split('#').next().unwrap());
        output.push_str(commented.or(header).unwrap_or_default());
        output.push('\n');
    }
    assert!(output.matches(" = ").count() > 30, "it reads the comments:\n{output}");
    site.write("arcanos.toml", &output);
    site.reload();
    assert_eq!(site.get("/config")["config"], defaults, "{output}");
}

/// Whether a comment is a setting.
fn is_setting(text: &str) -> bool {
    let Some((key, _)) = text.split_once(" = ") else {
        return false;
    };
    let key = key.trim();
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    // The keys of the rules that are shown as examples, and keys without a default.
    is_key
        && !["name", "imports", "command", "ipc", "mode", "any", "ready_line", "probe"]
            .contains(&key)
        && !(key == "files" && text.contains("*."))
}
