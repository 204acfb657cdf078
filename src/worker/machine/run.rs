//! One run of a worker, as the machine sees it.

use std::{sync::Arc, time::Duration, time::Instant};

use super::{Effect, RunKey};
use crate::{
    domain::{Policy, ReadyRule, RunId, Started, StopPolicy, WorkerSpec},
    worker::Now,
};

/// A run this old has shown life, whether it is ready or not: the next in line may launch. The
/// figure is the contract's.
pub(super) const LIFE: Duration = Duration::from_millis(250);

/// What a run is to its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that counts.
    Main,
    /// A new version that must get ready first.
    Candidate,
    /// An old version that was replaced.
    Retiring,
}

/// How far a run has come.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stage {
    /// Its process is being made.
    Spawning,
    /// It has a process, and is not ready.
    Starting,
    /// It is ready.
    Running,
    /// It was asked to end.
    Stopping {
        /// When; `None` while there is no process to ask.
        asked: Option<Instant>,
        /// Whether it was killed since.
        is_killed: bool,
        /// What comes after it.
        then: AfterStop,
    },
}

/// What follows a stop.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum AfterStop {
    /// Nothing.
    Idle,
    /// A new run.
    Again {
        /// Whether a person asked for it.
        by_person: bool,
    },
    /// What follows a failure; holds its reason.
    Fail(String),
    /// Another run has taken over already.
    Retire,
}

#[derive(Debug)]
pub(super) struct Run {
    pub(super) key: RunKey,
    pub(super) role: Role,
    pub(super) spec: Arc<WorkerSpec>,
    pub(super) stage: Stage,
    pub(super) id: Option<RunId>,
    pub(super) pid: Option<u32>,
    pub(super) started: Started,
    pub(super) by_person: bool,
    pub(super) is_task: bool,
    pub(super) has_shown_life: bool,
    /// Whether `✅` was said.
    pub(super) is_announced: bool,
    pub(super) exit_reason: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

impl Run {
    pub(super) fn new(key: RunKey, role: Role, spec: Arc<WorkerSpec>, now: Now) -> Self {
        Self {
            key,
            role,
            spec,
            stage: Stage::Spawning,
            id: None,
            pid: None,
            started: Started { at: now.wall, instant: now.instant },
            by_person: false,
            is_task: false,
            has_shown_life: false,
            is_announced: false,
            exit_reason: None,
            retry_after: None,
        }
    }

    /// Whether it is ready and not asked to end.
    pub(super) fn is_up(&self) -> bool {
        self.stage == Stage::Running
    }

    /// Whether it was asked to end.
    pub(super) const fn is_stopping(&self) -> bool {
        matches!(self.stage, Stage::Stopping { .. })
    }

    /// When the machine must look at it again.
    pub(super) fn deadline(&self, policy: &Policy) -> Option<Instant> {
        let start = &policy.start;
        let from = self.started.instant;
        let limit = start.run_timeout.map(|limit| from + limit);
        let life = (!self.has_shown_life && self.pid.is_some()).then_some(from + LIFE);
        let own = match &self.stage {
            Stage::Spawning => return None,
            Stage::Starting => {
                let alive = (start.ready == ReadyRule::Alive).then(|| from + start.alive_after);
                [alive, Some(from + start.timeout), limit].into_iter().flatten().min()
            }
            Stage::Running => limit,
            Stage::Stopping { asked: Some(asked), is_killed: false, .. } => {
                Some(*asked + policy.stop.timeout)
            }
            Stage::Stopping { .. } => None,
        };
        [own, life].into_iter().flatten().min()
    }

    /// Asks it to end; the last word on what follows counts.
    pub(super) fn stop(
        &mut self,
        next: AfterStop,
        policy: StopPolicy,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        if let Stage::Stopping { then, .. } = &mut self.stage {
            *then = next;
            return;
        }
        let asked = self.pid.map(|_| now.instant);
        self.stage = Stage::Stopping { asked, is_killed: false, then: next };
        if asked.is_some() {
            out.push(stop_effect(self.key, policy));
        }
    }

    /// It has a process now.
    pub(super) fn spawned(
        &mut self,
        id: RunId,
        pid: u32,
        policy: StopPolicy,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        self.id = Some(id);
        self.pid = Some(pid);
        self.started = Started { at: now.wall, instant: now.instant };
        match &mut self.stage {
            Stage::Stopping { asked, .. } => {
                *asked = Some(now.instant);
                out.push(stop_effect(self.key, policy));
            }
            stage => *stage = Stage::Starting,
        }
    }

    /// Whether it was asked to end because it took too long.
    pub(super) const fn has_overstayed(&self) -> bool {
        matches!(self.stage, Stage::Stopping { then: AfterStop::Fail(_), .. })
    }

    /// How long it has lasted.
    pub(super) fn age(&self, now: Now) -> Duration {
        now.instant.saturating_duration_since(self.started.instant)
    }
}

const fn stop_effect(run: RunKey, policy: StopPolicy) -> Effect {
    Effect::Stop { run, signal: policy.signal, timeout: policy.timeout }
}
