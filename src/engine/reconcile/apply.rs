//! Applies an observation: config, permissions and folder, each to the reconciler's state.

use std::sync::Arc;

use super::{
    effective::{EffectiveConfig, log_warnings},
    reconciler::Reconciler,
};
use crate::{
    config::{Config, Loaded},
    discovery::Discovered,
    engine::{
        observe::{
            config_source::ConfigFault, observer::ConfigObservation, permissions::PermissionReport,
        },
        report::ServerSettings,
    },
    plan::{Unmatched, unmatched_settings},
    sync::lock,
};

impl Reconciler {
    /// Applies the observation of the config. Returns whether it changes anything.
    pub(in crate::engine) async fn apply_config(&mut self, observation: ConfigObservation) -> bool {
        match observation {
            ConfigObservation::Same => false,
            ConfigObservation::Bad(fault) => {
                self.reject(fault);
                false
            }
            ConfigObservation::New(mut loaded, config, refused) => {
                self.fault = None;
                if refused.is_some() {
                    self.shown.keep_in(&mut loaded, "state", "directory");
                }
                self.refused = refused;
                self.is_config_changed = true;
                if self.config == config {
                    // The same values may be written in other words, as `60s` for `1m`.
                    self.show(EffectiveConfig::of(&loaded));
                    return false;
                }
                self.adopt(*loaded, config).await;
                true
            }
        }
    }

    /// The config on the disk is bad: the last good one stays in force. Each fault is logged once.
    fn reject(&mut self, fault: ConfigFault) {
        if self.fault.as_ref() != Some(&fault) {
            for error in &fault.errors {
                tracing::error!("{error}");
                self.shared.logs.arcanos(&format!("Config not applied: {error}"));
            }
            self.is_config_changed = true;
        }
        self.fault = Some(fault);
    }

    async fn adopt(&mut self, loaded: Loaded, config: Arc<Config>) {
        log_warnings(&loaded, &self.shared.logs);
        (self.on_config)(&config, &self.shared.logs);
        self.shared.runtime.set_concurrency(config.concurrency);
        lock(&self.watcher).change(config.discovery.watch);
        self.shared.server.send_replace(Arc::new(ServerSettings::of(&config)));
        self.surroundings.upstream = self.model.follow(&config).await;
        self.show(EffectiveConfig::of(&loaded));
        self.config = config;
    }

    fn show(&mut self, shown: EffectiveConfig) {
        self.changed_keys = self.shown.keys_changed_in(&shown);
        self.shown = shown;
    }

    /// Logs and shows who else may write to the config or read its secrets, whenever that changes.
    pub(in crate::engine) fn report_permissions(&mut self, permissions: PermissionReport) {
        if self.permissions == permissions {
            return;
        }
        let known = [&self.permissions.writable[..], &self.permissions.warnings].concat();
        for text in permissions.writable.iter().chain(&permissions.warnings) {
            if !known.contains(text) {
                tracing::warn!("{text}");
                self.shared.logs.arcanos(&format!("Warning: {text}"));
            }
        }
        let problem = (!permissions.writable.is_empty()).then(|| permissions.writable.join("\n"));
        self.shared.board.set_problem("config.permissions", problem);
        self.permissions = permissions;
    }

    /// Logs and shows which settings are of no worker, whenever that changes.
    fn report_unmatched(&mut self) {
        let unmatched = unmatched_settings(&self.config, &self.discovered);
        for Unmatched { text, .. } in unmatched.iter().filter(|new| !self.unmatched.contains(new)) {
            tracing::warn!("{text}");
            self.shared.logs.arcanos(&format!("Warning: {text}"));
        }
        // Settings of a worker that is away need nobody.
        let mistyped: Vec<&str> =
            unmatched.iter().filter(|u| u.is_mistyped).map(|u| u.text.as_str()).collect();
        let problem = (!mistyped.is_empty()).then(|| mistyped.join("\n"));
        self.shared.board.set_problem("workers", problem);
        self.unmatched = unmatched;
    }

    /// Applies the observation of the folder of workers.
    pub(in crate::engine) fn apply_folder(&mut self, folder: Result<Discovered, String>) {
        match folder {
            Ok(discovered) => {
                self.folder_error = None;
                self.discovered = discovered;
                self.judged_by = Arc::clone(&self.config);
                self.report_unmatched();
            }
            Err(error) => {
                if self.folder_error.as_ref() != Some(&error) {
                    tracing::error!("{error}");
                    self.shared.logs.arcanos(&error);
                }
                self.folder_error = Some(error);
            }
        }
    }
}
