//! Sockets that arcanos was started with (sd_listen_fds(3)).

use std::os::fd::OwnedFd;

use super::sys;

/// The most sockets that are taken; systemd gives fewer.
const MAX_SOCKETS: u32 = 16;

/// Takes the sockets that systemd hands over, which has them listen already. Only the first call
/// gets any. Call it before anything else is opened.
#[must_use]
pub fn adopt_sockets() -> Vec<OwnedFd> {
    let count = handed_over(|name| std::env::var_os(name)?.into_string().ok());
    if count == 0 { Vec::new() } else { sys::inherited(count) }
}

/// How many sockets these variables say are meant for this process.
fn handed_over(variable: impl Fn(&str) -> Option<String>) -> u32 {
    let is_ours = variable("LISTEN_PID").is_some_and(|pid| pid == std::process::id().to_string());
    let count = variable("LISTEN_FDS").and_then(|count| count.parse().ok()).unwrap_or(0);
    if is_ours { count.min(MAX_SOCKETS) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_for_another_process_are_left_alone() {
        let me = std::process::id().to_string();
        for (pid, count, expected) in [
            (Some(me.as_str()), Some("1"), 1),
            (Some(me.as_str()), Some("4294967295"), MAX_SOCKETS),
            (Some(me.as_str()), Some("-1"), 0),
            (Some(me.as_str()), None, 0),
            (Some("1"), Some("1"), 0),
            (None, Some("1"), 0),
        ] {
            let variable = |name: &str| match name {
                "LISTEN_PID" => pid.map(str::to_owned),
                "LISTEN_FDS" => count.map(str::to_owned),
                _ => None,
            };
            assert_eq!(handed_over(variable), expected, "{pid:?} {count:?}");
        }
    }
}
