//! The README says what arcanos does: every key with its default, every route, every command and
//! every exit code. What is missing is printed as it should stand there.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

const README: &str = include_str!("../../README.md");
const ROUTES: &str = include_str!("../../src/server/routes.rs");

/// Sections that may stand under `[workers.ID]` as they are.
const SHARED: [&str; 4] = ["restart", "start", "stop", "reload"];

fn said(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_arcanos")).args(args).output().unwrap();
    assert!(output.status.success(), "arcanos {args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The cells of the row that begins with this key.
fn row(key: &str) -> Option<Vec<&'static str>> {
    let begin = format!("| `{key}` |");
    let line = README.lines().find(|line| line.starts_with(&begin))?;
    Some(line.trim_matches('|').split(" | ").map(str::trim).collect())
}

/// The table or key that a schema stands for.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next());
    name.map_or(schema, |name| &root["$defs"][name])
}

/// The words that a key takes.
fn words(schema: &Value) -> Vec<&str> {
    [schema, &schema["items"]]
        .into_iter()
        .flat_map(|schema| {
            let choices = schema["anyOf"].as_array().into_iter().flatten();
            choices.flat_map(|choice| choice["enum"].as_array().into_iter().flatten())
        })
        .filter_map(Value::as_str)
        .collect()
}

/// What is wrong with the row of a key.
fn fault(key: &str, schema: &Value) -> Option<String> {
    let about = schema["description"].as_str().unwrap();
    let default = schema.get("default").filter(|_| key != "discovery.rules");
    let expected = format!("| `{key}` | `{}` | {about} |", default.unwrap_or(&Value::Null));
    let Some(cells) = row(key) else { return Some(format!("missing: {expected}")) };
    let [_, shown, what] = cells.as_slice() else { return Some(format!("not three: {cells:?}")) };
    let shown: Option<Value> = serde_json::from_str(shown.trim_matches('`')).ok();
    let is_same = default.is_none() || shown.as_ref() == default;
    let has_words = words(schema).iter().all(|word| what.contains(&format!("`{word}`")));
    (!is_same || !what.starts_with(about) || !has_words)
        .then(|| format!("{cells:?} should be: {expected} with {:?}", words(schema)))
}

#[test]
fn every_key_stands_in_the_readme_with_its_default() {
    let schema: Value = serde_json::from_str(&said(&["schema"])).unwrap();
    let mut faults = Vec::new();
    for (section, about) in schema["properties"].as_object().unwrap() {
        let keys = resolved(&schema, about)["properties"].as_object().into_iter().flatten();
        faults.extend(keys.filter_map(|(key, about)| fault(&format!("{section}.{key}"), about)));
    }
    for (key, about) in schema["$defs"]["Rule"]["properties"].as_object().unwrap() {
        faults.extend(fault(&format!("discovery.rules[].{key}"), about));
    }
    for (key, about) in schema["$defs"]["Worker"]["properties"].as_object().unwrap() {
        if SHARED.contains(&key.as_str()) {
            continue;
        }
        match resolved(&schema, about)["properties"].as_object() {
            Some(inner) => faults.extend(
                inner.iter().filter_map(|(k, v)| fault(&format!("workers.ID.{key}.{k}"), v)),
            ),
            None => faults.extend(fault(&format!("workers.ID.{key}"), about)),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_route_stands_in_the_readme() {
    let routes = ROUTES.split(".route(\"").skip(1).map(|route| {
        let (path, rest) = route.split_once("\", ").unwrap();
        let method = rest.split('(').next().unwrap().to_uppercase();
        format!("`{method} {}`", path.replace("{id}", "ID"))
    });
    let missing: Vec<String> = routes.filter(|route| !README.contains(route)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(ROUTES.matches(".route(").count() > 10, "the routes are elsewhere now");
}

#[test]
fn every_command_and_exit_code_stands_in_the_readme() {
    let help = said(&["--help"]);
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: BTreeSet<&str> =
        list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        let (alone, more) = (format!("| `arcanos {command}`"), format!("| `arcanos {command} "));
        assert!(README.contains(&alone) || README.contains(&more), "{command}");
    }
    let codes = help.split("Exit codes:\n").nth(1).unwrap();
    for line in codes.lines().take_while(|line| !line.is_empty()) {
        let code = line.split_whitespace().next().unwrap();
        let has_row = README.lines().any(|row| {
            let first = row.trim_start_matches("| ").split(" | ").next();
            first.is_some_and(|cell| cell.split(", ").any(|number| number == code))
        });
        assert!(has_row, "{line}");
    }
}

#[test]
fn every_file_that_the_readme_shows_is_there() {
    for link in README.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let is_local = !link.contains("://") && !link.starts_with('#');
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(!is_local || root.join(link).exists(), "{link}");
    }
}
