//! What a look saw, taken up.

use std::sync::Arc;

use super::{
    Reconciler,
    shown::{Shown, is_same, tell_warnings},
};
use crate::{
    config::{Config, Loaded},
    discovery::Discovered,
    engine::{exposure::Exposure, eye::ConfigSight, report::ServerSettings, source::Fault},
};

impl Reconciler {
    /// Takes up what was found of the config; whether that changes anything.
    pub(super) async fn digest_config(&mut self, sight: ConfigSight) -> bool {
        match sight {
            ConfigSight::Same => false,
            ConfigSight::Bad(fault) => {
                self.blame(fault);
                false
            }
            ConfigSight::New(mut loaded, config, refused) => {
                self.fault = None;
                if refused.is_some() {
                    self.shown.keep_in(&mut loaded, "state", "directory");
                }
                self.refused = refused;
                self.is_config_news = true;
                if is_same(&self.config, &config) && self.shown.effective == loaded.effective {
                    return false;
                }
                self.adopt(*loaded, config).await;
                true
            }
        }
    }

    /// The config on the disk is bad: what runs goes on by the last good one.
    fn blame(&mut self, fault: Fault) {
        if self.fault.as_ref() != Some(&fault) {
            for error in &fault.errors {
                tracing::error!("{error}");
                self.shared.logs.arcanos(&format!("Config not applied: {error}"));
            }
            self.is_config_news = true;
        }
        self.fault = Some(fault);
    }

    async fn adopt(&mut self, loaded: Loaded, config: Arc<Config>) {
        tell_warnings(&loaded, &self.shared.logs);
        (self.on_config)(&config, &self.shared.logs);
        self.governor.set_limit(config.concurrency);
        self.watcher.change(config.discovery.watch);
        self.shared.server.send_replace(Arc::new(ServerSettings::of(&config)));
        self.surroundings.upstream = self.model.follow(&config).await;
        self.shown = Shown::of(&loaded);
        self.config = config;
    }

    /// Says who else may write to the config or read its secrets, whenever that changes.
    pub(super) fn tell_exposure(&mut self, exposure: Exposure) {
        if self.exposure == exposure {
            return;
        }
        let known = [&self.exposure.writable[..], &self.exposure.warnings].concat();
        for text in exposure.writable.iter().chain(&exposure.warnings) {
            if !known.contains(text) {
                tracing::warn!("{text}");
                self.shared.logs.arcanos(&format!("Warning: {text}"));
            }
        }
        let problem = (!exposure.writable.is_empty()).then(|| exposure.writable.join("\n"));
        self.shared.board.set_problem("config.permissions", problem);
        self.exposure = exposure;
    }

    /// Takes up what was found in the folder of workers.
    pub(super) fn digest_folder(&mut self, folder: Result<Discovered, String>) {
        match folder {
            Ok(discovered) => {
                self.folder_error = None;
                self.discovered = discovered;
                self.judged_by = Arc::clone(&self.config);
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
