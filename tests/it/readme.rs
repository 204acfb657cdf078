//! The documents for users are true and whole: every key with its default, every route, command,
//! exit code and metric, and unit files that systemd takes. What is missing is printed as it should
//! stand there.

mod links;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use serde_json::Value;

use crate::site::{ARCANOS, Setup};

const CONFIGURATION: &str = include_str!("../../docs/configuration.md");
const HTTP: &str = include_str!("../../docs/http.md");
const COMMANDS: &str = include_str!("../../docs/commands.md");
const METRICS: &str = include_str!("../../docs/metrics.md");
const RECIPES: &str = include_str!("../../docs/recipes.md");
const ROUTES: &str = include_str!("../../src/server/routes.rs");

/// Sections that may stand under `[workers.ID]` as they are.
const SHARED: [&str; 5] = ["restart", "start", "liveness", "stop", "reload"];

fn said(args: &[&str]) -> String {
    let output = Command::new(ARCANOS).args(args).output().unwrap();
    assert!(output.status.success(), "arcanos {args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The cells of the row of `text` that begins with this key.
fn row<'a>(text: &'a str, key: &str) -> Option<Vec<&'a str>> {
    let begin = format!("| `{key}` |");
    let line = text.lines().find(|line| line.starts_with(&begin))?;
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
    let Some(cells) = row(CONFIGURATION, key) else { return Some(format!("missing: {expected}")) };
    let [_, shown, what] = cells.as_slice() else { return Some(format!("not three: {cells:?}")) };
    let shown: Option<Value> = serde_json::from_str(shown.trim_matches('`')).ok();
    let is_same = default.is_none() || shown.as_ref() == default;
    let has_words = words(schema).iter().all(|word| what.contains(&format!("`{word}`")));
    (!is_same || !what.starts_with(about) || !has_words)
        .then(|| format!("{cells:?} should be: {expected} with {:?}", words(schema)))
}

#[test]
fn every_key_stands_in_the_docs_with_its_default() {
    let schema: Value = serde_json::from_str(&said(&["schema"])).unwrap();
    let mut faults = Vec::new();
    for (section, about) in schema["properties"].as_object().unwrap() {
        let keys = resolved(&schema, about)["properties"].as_object().into_iter().flatten();
        faults.extend(keys.filter_map(|(key, about)| fault(&format!("{section}.{key}"), about)));
    }
    for (key, about) in schema["$defs"]["Rule"]["properties"].as_object().unwrap() {
        faults.extend(fault(&format!("discovery.rules[].{key}"), about));
    }
    for (key, about) in schema["$defs"]["Probe"]["properties"].as_object().unwrap() {
        faults.extend(fault(&format!("liveness.probe.{key}"), about));
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
fn every_route_stands_in_the_docs() {
    let routes = ROUTES.split(".route(\"").skip(1).map(|route| {
        let (path, rest) = route.split_once("\", ").unwrap();
        let method = rest.split('(').next().unwrap().to_uppercase();
        format!("`{method} {}`", path.replace("{id}", "ID"))
    });
    let missing: Vec<String> = routes.filter(|route| !HTTP.contains(route)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(ROUTES.matches(".route(").count() > 10, "the routes are elsewhere now");
}

#[test]
fn every_command_and_exit_code_stands_in_the_docs() {
    let help = said(&["--help"]);
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: BTreeSet<&str> =
        list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        let (alone, more) = (format!("| `arcanos {command}`"), format!("| `arcanos {command} "));
        assert!(COMMANDS.contains(&alone) || COMMANDS.contains(&more), "{command}");
    }
    let codes = help.split("Exit codes:\n").nth(1).unwrap();
    for line in codes.lines().take_while(|line| !line.is_empty()) {
        let code = line.split_whitespace().next().unwrap();
        let has_row = COMMANDS.lines().any(|row| {
            let first = row.trim_start_matches("| ").split(" | ").next();
            first.is_some_and(|cell| cell.split(", ").any(|number| number == code))
        });
        assert!(has_row, "{line}");
    }
}

#[test]
fn the_docs_name_the_metrics_that_there_are() {
    let site = Setup::new()
        .set("restart.max_attempts", "0")
        .worker("stays.sh", "echo up; exec sleep 86400")
        .worker("fails.sh", "exit 3")
        .start();
    site.wait_state("stays", "running");
    site.wait_state("fails", "failed");
    let numbers = site.request("GET", "/metrics", &[], "").text();
    let answered: BTreeMap<&str, &str> =
        numbers.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let described: BTreeMap<&str, &str> = METRICS
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter_map(|(name, rest)| Some((name, rest.split(" |").next()?)))
        .collect();
    assert_eq!(answered, described, "what /metrics answers, and docs/metrics.md");
}

/// The unit files that a document shows: the first line of each block names its file.
fn units(text: &str) -> Vec<(&str, &str)> {
    let blocks = text.split("```ini\n").skip(1).filter_map(|rest| rest.split("```").next());
    let named = |block| {
        let first = str::lines(block).next().unwrap();
        let name = first.strip_prefix("# /etc/systemd/system/");
        (name.unwrap_or_else(|| panic!("a unit file without a name: {first}")), block)
    };
    blocks.map(named).collect()
}

#[test]
fn systemd_takes_the_units_of_the_docs() {
    let units = units(RECIPES);
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["arcanos.service", "arcanos.socket"]);
    let version = Command::new("systemd-analyze").arg("--version").output();
    if !version.is_ok_and(|version| version.status.success()) {
        eprintln!("skipped: systemd-analyze is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let paths = units.iter().map(|(name, text)| {
        let path = folder.path().join(name);
        fs::write(&path, text.replace("/usr/local/bin/arcanos", ARCANOS)).unwrap();
        path
    });
    let output = Command::new("systemd-analyze").arg("verify").args(paths).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // What it says of other units of this machine is not about ours.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("arcanos")).collect();
    assert!(ours.is_empty(), "{said}");
}
