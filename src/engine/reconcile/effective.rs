//! The effective config as it is shown.

use std::collections::BTreeMap;

use crate::{config::Loaded, files::logs::Logs};

/// The config as it is shown, and where its values come from.
pub(in crate::engine) struct Shown {
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

impl Shown {
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
