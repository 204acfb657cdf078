//! Checks `[liveness]`, of the config and of each worker.

use std::sync::Arc;

use super::{checker::Checker, rules::has_program};
use crate::{
    config::{
        key::KeyPath,
        raw::{Overlay, RawLiveness, RawProbe},
    },
    domain::{EnvMap, Probe, ProbeCommand, ProbeTarget},
};

impl Checker<'_> {
    /// The probe of a table that holds `liveness`, over that of the sections above; `None` if
    /// there is nothing to ask.
    ///
    /// A table that says what is asked replaces what the sections above ask, and only that: the
    /// times and the count of failures are taken from above where the table has none.
    pub(super) fn probe(
        &mut self,
        own: Option<&RawLiveness>,
        base: Option<&RawLiveness>,
        table: &KeyPath,
    ) -> Option<Arc<Probe>> {
        let read = |raw: Option<&RawLiveness>| raw.and_then(|raw| raw.probe.clone());
        let (own, mut base) = (read(own).unwrap_or_default(), read(base).unwrap_or_default());
        self.check_target(&own, &table.key("liveness").key("probe"));
        if own.http.is_some() || own.command.is_some() {
            (base.http, base.command) = (None, None);
        }
        let raw = own.over(&base);
        let target = match (raw.http, raw.command) {
            (Some(url), _) => ProbeTarget::Http(url),
            (None, Some(command)) => ProbeTarget::Command(ProbeCommand {
                command,
                env: EnvMap::default(),
                cwd: self.inputs.folder().to_owned(),
            }),
            (None, None) => return None,
        };
        Some(Arc::new(Probe {
            target,
            every: raw.every?.0,
            timeout: raw.timeout?.0,
            failures: raw.failures?.0,
        }))
    }

    fn check_target(&mut self, raw: &RawProbe, key: &KeyPath) {
        if raw.http.is_some() && raw.command.is_some() {
            self.error(key, "both `http` and `command` are set, expected one of them");
        }
        if raw.http.as_ref().is_some_and(|url| !is_web_address(url)) {
            let text = "is not an address, expected an http(s) URL without user name, like \
                        \"http://127.0.0.1:8080/healthz\"";
            self.error_of_value(&key.key("http"), text);
        }
        if raw.command.as_ref().is_some_and(|command| !has_program(command)) {
            let text = "empty, expected program and arguments, like [\"./healthy.sh\"]";
            self.error(&key.key("command"), text);
        }
    }
}

/// Whether this is a URL that can be asked. Credentials in it would be shown wherever a failure
/// is, so they are refused.
fn is_web_address(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    let is_plain = url.username().is_empty() && url.password().is_none();
    matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain
}
