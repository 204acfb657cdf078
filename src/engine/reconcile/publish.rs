//! Publishes what a pass did: generation, snapshot, reports and events.

use std::sync::Arc;

use super::{effective::named, reconciler::Reconciler};
use crate::{
    domain::{Generation, PlanList, PlanSummary, ReloadReport, ReloadResult, Stamp},
    engine::report::{ConfigReport, DiscoveryReport},
    sync::lock,
};

/// Reloads that are kept: what a person wants to see of today, and a bound on the memory that plans
/// of a thousand workers take.
const RELOADS_KEPT: usize = 20;

impl Reconciler {
    /// Counts and publishes what the pass did. `is_new`: the config has changed.
    pub(in crate::engine) fn finish(&mut self, is_new: bool, plan: PlanSummary) -> ReloadReport {
        let is_start = self.generation == Generation(0);
        let is_change = is_new || !plan.is_empty();
        if is_change {
            self.generation = self.generation.next();
        }
        self.publish();
        let is_config_changed = std::mem::take(&mut self.is_config_changed);
        let keys = std::mem::take(&mut self.changed_keys);
        let report = self.report(plan);
        if is_config_changed || is_change {
            self.announce(&report);
            if is_config_changed && !is_start && report.result == ReloadResult::Applied {
                let text = format!("Config applied: {}{}", counted(&report), names(&report, &keys));
                tracing::info!("{text}");
                self.shared.logs.arcanos(&text);
            }
            self.last_reload = Some(report.clone());
            self.reloads.truncate(RELOADS_KEPT - 1);
            self.reloads.push_front(Arc::new(report.clone()));
            self.publish_config();
        }
        report
    }

    /// Shows this report as that of the last reload, if it did something.
    pub(in crate::engine) fn remember(&mut self, report: &ReloadReport) {
        if !report.plan.is_empty() {
            self.last_reload = Some(report.clone());
            self.publish_config();
        }
    }

    fn publish(&self) {
        let (generation, config) = (self.generation, &self.config);
        let error = self.fault.as_ref().map(|fault| fault.errors.join("\n"));
        let folder_error = self.folder_error.clone();
        let watcher = lock(&self.watcher).mode().to_string();
        let board = &self.shared.board;
        board.set_problem("state.directory", self.refused.clone());
        board.update(|snapshot| {
            if snapshot.generation != generation {
                snapshot.config.loaded_at = Stamp::now();
            }
            snapshot.generation = generation;
            snapshot.config.error = error;
            snapshot.discovery.directory.clone_from(&config.discovery.directory);
            snapshot.discovery.watcher = watcher;
            snapshot.discovery.error = folder_error;
            snapshot.environment.clone_from(&config.profile);
            snapshot.session_log.clone_from(&config.log.session);
            if !snapshot.known_variables.iter().eq(config.env.available.0.keys()) {
                snapshot.known_variables =
                    Arc::new(config.env.available.0.keys().cloned().collect());
            }
        });
        let directory = &config.discovery.directory;
        self.shared.discovery.send_if_modified(|report| {
            let is_same =
                report.directory == *directory && report.files == self.discovered.verdicts;
            if !is_same {
                let files = Arc::clone(&self.discovered.verdicts);
                *report = Arc::new(DiscoveryReport { directory: directory.clone(), files });
            }
            !is_same
        });
    }

    pub(in crate::engine) fn publish_config(&self) {
        self.shared.config.send_replace(Arc::new(ConfigReport {
            generation: self.generation,
            file: self.file.clone(),
            profile: self.config.profile.clone(),
            config: self.shown.effective.clone(),
            sources: self.shown.sources.clone(),
            last_reload: self.last_reload.clone(),
            reloads: self.reloads.clone(),
        }));
    }

    pub(in crate::engine) fn announce(&self, report: &ReloadReport) {
        let message = match report.result {
            ReloadResult::Rejected => format!("reload rejected: {}", report.errors.join("; ")),
            ReloadResult::Applied => format!("reload applied: {}", counted(report)),
        };
        tracing::debug!("{message}");
        self.shared.reloads.count(report.result);
        self.shared.board.emit_reload(message);
    }

    pub(in crate::engine) fn report(&self, plan: PlanSummary) -> ReloadReport {
        let faults = self.fault.iter().flat_map(|fault| &fault.errors);
        ReloadReport {
            generation: self.generation,
            at: Stamp::now(),
            result: match self.fault {
                Some(_) => ReloadResult::Rejected,
                None => ReloadResult::Applied,
            },
            plan,
            errors: faults.chain(&self.refused).cloned().collect(),
        }
    }
}

fn counted(report: &ReloadReport) -> String {
    let count = |list| report.plan.list(list).len();
    format!(
        "generation {}, {} started, {} stopped, {} restarted, {} updated, {} unchanged",
        report.generation,
        count(PlanList::Started),
        count(PlanList::Stopped),
        count(PlanList::Restarted),
        count(PlanList::Updated),
        report.plan.unchanged
    )
}

/// The keys that changed, and the workers that something follows for.
fn names(report: &ReloadReport, keys: &[String]) -> String {
    let mut parts = Vec::new();
    if !keys.is_empty() {
        parts.push(format!("; changed {}", named(keys)));
    }
    for (word, list) in [
        ("started", PlanList::Started),
        ("stopped", PlanList::Stopped),
        ("restarted", PlanList::Restarted),
        ("updated", PlanList::Updated),
    ] {
        let workers = report.plan.list(list);
        if !workers.is_empty() {
            parts.push(format!("; {word} {}", named(&workers)));
        }
    }
    parts.concat()
}
