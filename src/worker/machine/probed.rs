//! Asks the probe of a run, and acts on its answers.

use super::{
    event::{Effect, Level, RunKey},
    run::Stage,
    state::MachineState,
};
use crate::{
    domain::{ExitCause, ProbeAnswer, ReadyRule},
    worker::clock::Present,
};

impl MachineState {
    /// The probe of a run is due.
    pub(super) fn ask_probe(&mut self, key: RunKey, now: Present, out: &mut Vec<Effect>) {
        let Some(probe) = self.spec.policy.probe.clone() else { return };
        self.with_run(key, |run| {
            let number = run.probing.ask(now.moment);
            out.push(Effect::Probe { run: key, number, probe });
        });
    }

    /// Says what kept a run from being ready in time, as far as its probe shows it.
    pub(super) fn log_unready(&mut self, key: RunKey, out: &mut Vec<Effect>) {
        let run = self.runs.iter_mut().find(|run| run.key == key);
        if let Some(reason) = run.and_then(|run| run.probing.take_last_failure()) {
            let text = format!("Worker {} is not ready; its probe failed: {reason}", self.id);
            out.push(Effect::Log(Level::Warn, text));
        }
    }

    /// The probe of a run was asked.
    pub(super) fn on_probed(
        &mut self,
        key: RunKey,
        (number, answer): (u64, ProbeAnswer),
        now: Present,
        out: &mut Vec<Effect>,
    ) {
        let Some(limit) = self.spec.policy.probe.as_ref().map(|probe| probe.failures) else {
            return;
        };
        let run = self.runs.iter_mut().find(|run| run.key == key);
        let Some(run) = run.filter(|run| run.is_spawned()) else { return };
        if !run.probing.hears(number) {
            return;
        }
        match (&run.stage, answer) {
            (Stage::Starting, ProbeAnswer::Bad(reason)) => run.probing.failed_early(reason),
            (Stage::Starting, ProbeAnswer::Good) => {
                self.on_ready_sign(key, ReadyRule::Probe, now, out);
            }
            (Stage::Running, ProbeAnswer::Good) => run.probing.succeeded(),
            (Stage::Running, ProbeAnswer::Bad(reason)) => {
                let failures = run.probing.failed();
                if failures == 1 {
                    let text = format!("Worker {}: its probe failed: {reason}", self.id);
                    out.push(Effect::Log(Level::Warn, text));
                }
                if failures >= limit {
                    let cause = ExitCause::Unresponsive(failures, reason);
                    self.stop_as_failed(key, cause, now, out);
                }
            }
            // A run that ends is asked no more.
            (Stage::Spawning | Stage::Stopping { .. }, _) | (_, ProbeAnswer::Unknown) => {}
        }
    }
}
