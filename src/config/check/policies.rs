//! Checks `[restart]`, `[start]` and `[stop]`, of the config and of each worker.

use super::checker::Checker;
use crate::{
    config::{
        key::KeyPath,
        raw::{RawRestart, RawStart, RawStop},
    },
    domain::{Exit, Probe, ReadyRule, RestartPolicy, StartPolicy, StopPolicy},
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
        success_codes: raw.success_codes.as_ref()?.iter().map(|code| code.0).collect(),
    })
}

/// `[start]`; `None` if a key is missing.
pub(super) fn start(raw: &RawStart) -> Option<StartPolicy> {
    Some(StartPolicy {
        ready: raw.ready?,
        ready_line: raw.ready_line.clone().filter(|line| !line.is_empty()),
        alive_after: raw.alive_after?.0,
        timeout: raw.timeout?.0,
        run_timeout: raw.run_timeout?.0,
    })
}

/// `[stop]`; `None` if a key is missing.
pub(super) fn stop(raw: &RawStop) -> Option<StopPolicy> {
    Some(StopPolicy {
        signal: raw.signal?.0,
        to: raw.to?,
        message: raw.message?,
        timeout: raw.timeout?.0,
    })
}

impl Checker<'_> {
    /// Warns of delays that do not fit each other. `table` holds `restart`.
    pub(super) fn warn_of_restart(&mut self, restart: &RestartPolicy, table: &KeyPath) {
        if restart.delay > restart.max_delay {
            let key = table.key("restart").key("delay");
            self.warn(&key, "longer than `max_delay`, which holds instead");
        }
        if !restart.success_codes.includes(Exit::Code(0)) {
            let key = table.key("restart").key("success_codes");
            self.warn(&key, "without 0, so an exit with 0 is a failure");
        }
    }

    /// Reports a rule by which no run could become ready. `table` holds `start`.
    pub(super) fn start_fits(
        &mut self,
        start: &StartPolicy,
        probe: Option<&Probe>,
        table: &KeyPath,
    ) {
        let keys = table.key("start");
        let missing = match start.ready {
            ReadyRule::Alive if start.alive_after >= start.timeout => {
                let text = "not shorter than `timeout`, so every run would fail its start";
                return self.warn(&keys.key("alive_after"), text);
            }
            ReadyRule::Line if start.ready_line.is_none() => {
                "`line` needs `start.ready_line`, a regex, like '''listening on port'''"
            }
            ReadyRule::Probe if probe.is_none() => {
                "`probe` needs `liveness.probe`, like { http = \"http://127.0.0.1:8080/healthz\" }"
            }
            ReadyRule::Alive | ReadyRule::Message | ReadyRule::Probe | ReadyRule::Line => return,
        };
        // What a worker has from the section above is reported there.
        if !self.has_error(&KeyPath::of("start.ready")) {
            self.error(&keys.key("ready"), missing);
        }
    }

    /// Reports a regex of lines that does not compile. `table` holds `start`.
    pub(super) fn ready_line(&mut self, raw: Option<&RawStart>, table: &KeyPath) {
        if let Some(pattern) = raw.and_then(|raw| raw.ready_line.as_deref()) {
            self.regex(pattern, &table.key("start").key("ready_line"));
        }
    }
}
