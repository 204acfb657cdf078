//! `[restart]`, `[start]` and `[stop]`, of the config and of each worker.

use super::checker::Checker;
use crate::{
    config::{
        key::KeyPath,
        raw::{RawRestart, RawStart, RawStop},
    },
    domain::{ReadyRule, RestartPolicy, StartPolicy, StopPolicy},
};

/// `[restart]`; `None` if a key is missing.
pub(super) fn restart(raw: &RawRestart) -> Option<RestartPolicy> {
    Some(RestartPolicy {
        policy: raw.policy?,
        max_attempts: raw.max_attempts?.0,
        delay: raw.delay?.0,
        backoff: raw.backoff?,
        max_delay: raw.max_delay?.0,
        jitter: raw.jitter?.0,
        reset_after: raw.reset_after?.0,
    })
}

/// `[start]`; `None` if a key is missing.
pub(super) fn start(raw: &RawStart) -> Option<StartPolicy> {
    Some(StartPolicy {
        ready: raw.ready?,
        alive_after: raw.alive_after?.0,
        timeout: raw.timeout?.0,
        run_timeout: raw.run_timeout?.0,
    })
}

/// `[stop]`; `None` if a key is missing.
pub(super) fn stop(raw: &RawStop) -> Option<StopPolicy> {
    Some(StopPolicy { signal: raw.signal?.0, timeout: raw.timeout?.0 })
}

impl Checker<'_> {
    /// Warns of delays that do not fit each other. `table` holds `restart`.
    pub(super) fn warn_of_restart(&mut self, restart: &RestartPolicy, table: &KeyPath) {
        if restart.delay > restart.max_delay {
            let key = table.key("restart").key("delay");
            self.warn(&key, "longer than `max_delay`, which holds instead");
        }
    }

    /// Warns of times in which no run could become ready. `table` holds `start`.
    pub(super) fn warn_of_start(&mut self, start: &StartPolicy, table: &KeyPath) {
        if start.ready == ReadyRule::Alive && start.alive_after >= start.timeout {
            let key = table.key("start").key("alive_after");
            self.warn(&key, "not shorter than `timeout`, so every run would fail its start");
        }
    }
}
