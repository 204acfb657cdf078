//! The effective config as it is shown.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{config::Loaded, files::logs::Logs};

/// The config as it is shown, and where its values come from.
pub(in crate::engine) struct EffectiveConfig {
    pub(in crate::engine) effective: serde_json::Value,
    pub(in crate::engine) sources: BTreeMap<String, &'static str>,
}

/// Logs what a good config should better not contain.
pub(in crate::engine) fn log_warnings(loaded: &Loaded, logs: &Logs) {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
        logs.arcanos(&format!("Warning: {warning}"));
    }
}

/// How many names a line gives before it only counts the rest.
const NAMED: usize = 12;

/// `a, b, c` and, of many, `and 7 more`.
pub(in crate::engine) fn named<T: ToString>(names: &[T]) -> String {
    let shown = names.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// The keys whose values differ, as `restart.delay`. A list counts as one value.
fn changed_keys(old: &Value, new: &Value, path: &str, keys: &mut Vec<String>) {
    let (Value::Object(before), Value::Object(after)) = (old, new) else {
        if old != new {
            keys.push(path.to_owned());
        }
        return;
    };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let [old, new] = [before, after].map(|table| table.get(name).unwrap_or(&Value::Null));
        changed_keys(old, new, &path, keys);
    }
}

impl EffectiveConfig {
    /// The keys whose shown values differ between this config and another one. A secret is shown
    /// alike whatever it is, and so is not among them.
    pub(in crate::engine) fn keys_changed_in(&self, other: &Self) -> Vec<String> {
        let mut keys = Vec::new();
        changed_keys(&self.effective, &other.effective, "", &mut keys);
        keys
    }

    pub(in crate::engine) fn of(loaded: &Loaded) -> Self {
        let sources = loaded.sources.iter().map(|(key, source)| (key.clone(), source.as_str()));
        Self { effective: loaded.effective.clone(), sources: sources.collect() }
    }

    /// Makes a new config show the value of this one for a key whose edit needs a restart.
    pub(in crate::engine) fn keep_in(&self, loaded: &mut Loaded, section: &str, key: &str) {
        if let Some(shown) = loaded.effective.get_mut(section).and_then(|s| s.get_mut(key)) {
            *shown = self.effective[section][key].clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changed_keys_are_named_by_their_paths() {
        let shown = |effective| EffectiveConfig { effective, sources: BTreeMap::new() };
        let old = shown(json!({
            "restart": {"delay": "5s", "policy": "always"}, "log": {"includes": ["output"]},
            "workers": {"a": {"enabled": false}}, "env": {"set": {"KEY": "[redacted]"}},
        }));
        let new = shown(json!({
            "restart": {"delay": "7s", "policy": "always"}, "log": {"includes": []},
            "workers": {"b": {"args": ["x"]}}, "env": {"set": {"KEY": "[redacted]"}},
        }));
        let expect = ["log.includes", "restart.delay", "workers.a", "workers.b"];
        assert_eq!(old.keys_changed_in(&new), expect);
        assert_eq!(old.keys_changed_in(&old), [""; 0]);
    }

    #[test]
    fn of_many_names_the_rest_is_counted() {
        assert_eq!(named(&["a", "b"]), "a, b");
        let many: Vec<usize> = (1..=15).collect();
        assert_eq!(named(&many), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 3 more");
        assert_eq!(named(&many[..12]).matches("more").count(), 0);
    }
}
