//! One run of a worker, as the machine sees it.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    event::{Effect, RunKey},
    probing::Probing,
    timer::{Timer, TimerTable},
};
use crate::{
    domain::{ExitCause, InstanceName, Policy, ReadyRule, RunId, StopPolicy, WorkerSpec},
    worker::clock::{Moment, Present},
};

/// What a run is to its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Role {
    /// The one that counts.
    Main,
    /// A new version that must get ready first.
    Candidate,
    /// An old version that was replaced.
    Retiring,
}

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Its process is being made.
    Spawning,
    /// It has a process, and is not ready.
    Starting,
    /// It is ready.
    Running,
    /// It was asked to end.
    Stopping {
        /// When its time for that began; `None` while it has no process.
        asked: Option<Moment>,
        /// Whether it was killed since.
        is_killed: bool,
        /// What comes after it.
        then: AfterStop,
    },
}

/// What follows a stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum AfterStop {
    /// Nothing.
    Idle,
    /// A new run.
    Again {
        /// Whether a person asked for a restart.
        by_restart: bool,
    },
    /// What follows a failure, which has this cause.
    Fail(ExitCause),
    /// Another run has taken over already.
    Retire,
}

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) key: RunKey,
    pub(super) role: Role,
    pub(super) spec: Arc<WorkerSpec>,
    pub(super) stage: Stage,
    pub(super) id: Option<RunId>,
    pub(super) instance: Option<InstanceName>,
    pub(super) started: Present,
    pub(super) by_restart: bool,
    pub(super) is_task: bool,
    pub(super) has_shown_life: bool,
    /// Whether `✅` was said.
    pub(super) is_announced: bool,
    pub(super) probing: Probing,
    pub(super) exit_reason: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

impl Run {
    pub(super) fn new(key: RunKey, role: Role, spec: Arc<WorkerSpec>, now: Present) -> Self {
        Self {
            key,
            role,
            spec,
            stage: Stage::Spawning,
            id: None,
            instance: None,
            started: now,
            by_restart: false,
            is_task: false,
            has_shown_life: false,
            is_announced: false,
            probing: Probing::default(),
            exit_reason: None,
            retry_after: None,
        }
    }

    /// Whether it was launched: before that there is nothing to signal.
    pub(super) const fn is_spawned(&self) -> bool {
        self.instance.is_some()
    }

    /// Whether it is ready and not asked to end.
    pub(super) fn is_up(&self) -> bool {
        self.stage == Stage::Running
    }

    /// Whether it was asked to end.
    pub(super) const fn is_stopping(&self) -> bool {
        matches!(self.stage, Stage::Stopping { .. })
    }

    /// Sets its timers, by the policy in force.
    pub(super) fn arm(&self, policy: &Policy, timers: &mut TimerTable) {
        let (start, begun) = (&policy.start, self.started.moment);
        if self.is_spawned() && !self.has_shown_life {
            timers.set(Timer::ShownLife(self.key), begun.after(start.alive_after));
        }
        if let (Stage::Starting | Stage::Running, Some(limit)) = (&self.stage, start.run_timeout) {
            timers.set(Timer::RunTimeout(self.key), begun.after(limit));
        }
        if let Some(at) = self.probe_at(policy) {
            timers.set(Timer::Probe(self.key), at);
        }
        match self.stage {
            Stage::Starting => {
                timers.set(Timer::StartTimeout(self.key), begun.after(start.timeout));
                if start.ready == ReadyRule::Alive {
                    timers.set(Timer::Ready(self.key), begun.after(start.alive_after));
                }
            }
            Stage::Stopping { asked: Some(asked), is_killed: false, .. } => {
                timers.set(Timer::StopTimeout(self.key), asked.after(policy.stop.timeout));
            }
            Stage::Spawning | Stage::Running | Stage::Stopping { .. } => {}
        }
    }

    /// When its probe is to be asked, if it is. It is asked while it starts only where its answer
    /// is awaited, and not any more once the run is to end.
    pub(super) fn probe_at(&self, policy: &Policy) -> Option<Moment> {
        let probe = policy.probe.as_deref()?;
        match self.stage {
            Stage::Starting if policy.start.ready == ReadyRule::Probe => {
                self.probing.due(probe, Some(self.started.moment))
            }
            Stage::Running => self.probing.due(probe, None),
            Stage::Spawning | Stage::Starting | Stage::Stopping { .. } => None,
        }
    }

    /// Asks it to end, its launch too, which may hang; the last word on what follows counts.
    pub(super) fn stop(
        &mut self,
        next: AfterStop,
        policy: StopPolicy,
        now: Present,
        out: &mut Vec<Effect>,
    ) {
        if let Stage::Stopping { then, .. } = &mut self.stage {
            *then = next;
            return;
        }
        let asked = self.is_spawned().then_some(now.moment);
        self.stage = Stage::Stopping { asked, is_killed: false, then: next };
        out.push(Effect::Stop { run: self.key, policy });
    }

    /// It has a process now.
    pub(super) fn spawned(&mut self, id: RunId, instance: InstanceName, now: Present) {
        self.id = Some(id);
        self.instance = Some(instance);
        self.started = now;
        self.probing.restart(now.moment);
        match &mut self.stage {
            // It has been asked already, as soon as that was wanted; its time begins now.
            Stage::Stopping { asked, .. } => *asked = Some(now.moment),
            stage => *stage = Stage::Starting,
        }
    }

    /// Whether it was asked to end because it took too long.
    pub(super) const fn has_overstayed(&self) -> bool {
        matches!(self.stage, Stage::Stopping { then: AfterStop::Fail(_), .. })
    }

    /// How long it has lasted.
    pub(super) fn age(&self, now: Present) -> Duration {
        now.moment.since(self.started.moment)
    }
}
