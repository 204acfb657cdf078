//! Notifications to systemd, and the socket that it hands over (sd_notify(3), sd_listen_fds(3)).
//!
//! All of it only where systemd asks for it: without `NOTIFY_SOCKET` nothing is opened, nothing
//! ticks and nothing is sent. systemd is notified that arcanos is ready, reloads or stops, how the
//! workers fare, and, where it keeps a watchdog, that arcanos is alive. Nothing here ends or holds
//! up arcanos: a notification that cannot be sent is dropped. The crate `sd-notify` knows no
//! abstract socket, which container managers use, and its send blocks a thread.

use std::{
    io,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::os_text,
    domain::{Generation, Snapshot},
    engine::Handle,
    process,
};

/// How long systemd may take to accept a notification, should its queue be full.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// The shortest time between two status texts: many workers change at once.
const STATUS_DEBOUNCE: Duration = Duration::from_millis(500);

/// Variables that are meant for arcanos alone; no worker gets them, whatever it inherits.
pub(super) const OWN_VARIABLES: [&str; 7] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PIDFDID",
];

/// The connection to systemd, if it asks for one.
#[derive(Clone, Debug, Default)]
pub(super) struct Systemd {
    socket: Option<Arc<tokio::net::UnixDatagram>>,
    /// Without a sign of life within this time systemd takes arcanos for dead.
    watchdog: Option<Duration>,
    is_stopping: Arc<AtomicBool>,
}

impl Systemd {
    /// The connection that the environment names. Must be called within a tokio runtime.
    pub(super) fn from_environment() -> Self {
        Self::of(|name| std::env::var_os(name).map(|value| os_text::kept_os(&value)))
    }

    /// The connection that these variables name.
    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let Some(address) = variable("NOTIFY_SOCKET").filter(|a| !a.is_empty()) else {
            return Self::default();
        };
        match connect(&address) {
            Ok(socket) => {
                let watchdog = watchdog(&variable);
                Self { socket: Some(Arc::new(socket)), watchdog, ..Self::default() }
            }
            Err(error) => {
                let address = &*os_text::shown(&address);
                tracing::warn!(address, %error, "NOTIFY_SOCKET cannot be used.");
                Self::default()
            }
        }
    }

    /// arcanos applies a changed config, or at least looks for one; [`Systemd::ready`] ends it.
    pub(super) async fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}")).await;
    }

    /// arcanos is up.
    pub(super) async fn ready(&self, snapshot: &Snapshot) {
        self.send(&format!("READY=1\nSTATUS={}", status(snapshot))).await;
    }

    /// arcanos ends.
    pub(super) async fn stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.send("STOPPING=1\nSTATUS=Stopping all workers").await;
    }

    /// What arcanos does now, for `systemctl status`.
    pub(super) async fn status(&self, text: &str) {
        self.send(&format!("STATUS={text}")).await;
    }

    /// Notifies systemd that arcanos is ready once it is, then how it fares, and that it is alive;
    /// until the token is cancelled. Returns at once where nobody listens.
    pub(super) async fn follow(&self, handle: Handle, end: CancellationToken) {
        if self.socket.is_none() {
            return;
        }
        let both = async {
            tokio::join!(self.follow_status(&handle, &end), self.feed_watchdog(&handle, &end))
        };
        tokio::select! {
            _ = both => {}
            // Neither holds anything that could be lost.
            () = end.cancelled() => {}
        }
    }

    async fn follow_status(&self, handle: &Handle, end: &CancellationToken) {
        let mut changes = handle.changes();
        let mut last = String::new();
        while !end.is_cancelled() {
            let snapshot = handle.snapshot();
            let is_first = last.is_empty();
            let text = status(&snapshot);
            // Until the first look at the disk there is nothing to be ready with.
            let is_up = snapshot.generation != Generation(0) && !self.is_stopping();
            if is_up && text != last {
                match is_first {
                    true => self.ready(&snapshot).await,
                    false => self.status(&text).await,
                }
                last = text;
            }
            if changes.changed().await.is_err() {
                return;
            }
            if !is_first {
                sleep(STATUS_DEBOUNCE).await;
            }
        }
    }

    /// Feeds the watchdog twice in its time, as long as the reconciler answers: that this task
    /// runs shows only that the runtime does. How workers fare plays no part.
    async fn feed_watchdog(&self, handle: &Handle, end: &CancellationToken) {
        let Some(limit) = self.watchdog else { return };
        while !end.is_cancelled() {
            let has_answered = timeout(limit / 2, handle.beat()).await == Ok(true);
            if has_answered || self.is_stopping() {
                self.send("WATCHDOG=1").await;
            }
            sleep(limit / 2).await;
        }
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    async fn send(&self, message: &str) {
        let Some(socket) = &self.socket else { return };
        match timeout(SEND_TIMEOUT, socket.send(message.as_bytes())).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "systemd cannot be notified."),
            Err(_) => tracing::debug!("systemd does not read its queue."),
        }
    }
}

/// The socket that systemd listens on at the address of the status server, if it hands one over.
///
/// # Errors
/// What is handed over cannot be served on; says why.
pub(super) fn handed_over() -> Result<Option<TcpListener>, String> {
    let mut sockets = process::adopt_sockets();
    let Some(socket) = sockets.pop() else { return Ok(None) };
    if !sockets.is_empty() {
        return Err("systemd hands over several sockets, but there is one status server".into());
    }
    let listener = TcpListener::from(socket);
    match listener.local_addr() {
        Ok(_) => Ok(Some(listener)),
        Err(error) => Err(format!("the socket that systemd hands over is none of TCP: {error}")),
    }
}

fn connect(address: &str) -> io::Result<tokio::net::UnixDatagram> {
    let to = match address.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(os_text::bytes(name))?,
        None if address.starts_with('/') => SocketAddr::from_pathname(os_text::os_string(address))?,
        None => return Err(io::ErrorKind::Unsupported.into()),
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&to)?;
    socket.set_nonblocking(true)?;
    tokio::net::UnixDatagram::from_std(socket)
}

/// The watchdog's time, if it is about this process.
fn watchdog(variable: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    let is_ours = variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
    let microseconds: u64 = variable("WATCHDOG_USEC")?.parse().ok()?;
    (is_ours && microseconds > 0).then(|| Duration::from_micros(microseconds))
}

/// `6 workers: 4 running, 2 failed; degraded`, for systemd and for `start-workers`.
pub(super) fn status(snapshot: &Snapshot) -> String {
    let counts = snapshot.counts();
    let shown: Vec<String> = counts
        .0
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let count = snapshot.workers.len();
    let noun = if count == 1 { "worker" } else { "workers" };
    let health = if snapshot.is_degraded() { "; degraded" } else { "" };
    let detail = if shown.is_empty() { String::new() } else { format!(": {}", shown.join(", ")) };
    format!("{count} {noun}{detail}{health}")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(socket: &tokio::net::UnixDatagram) -> String {
        let mut bytes = [0; 1024];
        let received = timeout(Duration::from_secs(10), socket.recv(&mut bytes)).await;
        let length = received.expect("it is notified in time").expect("a datagram");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[tokio::test]
    async fn it_is_notified_at_a_path_and_at_an_abstract_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify").display().to_string();
        let name = format!("arcanos-test-{}", std::process::id());
        let at_name = SocketAddr::from_abstract_name(&name).expect("a name");
        let by_path = UnixDatagram::bind(&path).expect("a socket");
        let by_name = UnixDatagram::bind_addr(&at_name).expect("a socket");
        for (socket, address) in [(by_path, path), (by_name, format!("@{name}"))] {
            socket.set_nonblocking(true).expect("a socket");
            let socket = tokio::net::UnixDatagram::from_std(socket).expect("a socket");
            let systemd = Systemd::of(|v| (v == "NOTIFY_SOCKET").then(|| address.clone()));
            systemd.stopping().await;
            assert!(heard(&socket).await.starts_with("STOPPING=1\nSTATUS="));
            systemd.reloading().await;
            let said = heard(&socket).await;
            let at = said.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("a moment");
            assert!(at.parse::<u64>().is_ok_and(|at| at > 0), "{said}");
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_nothing_is_sent_and_nothing_waits() {
        for address in ["", "/no/such/socket", "vsock:2:1234"] {
            let systemd = Systemd::of(|v| (v == "NOTIFY_SOCKET").then(|| address.to_owned()));
            assert!(systemd.socket.is_none(), "{address}");
            systemd.stopping().await;
        }
    }

    #[test]
    fn a_watchdog_counts_only_for_this_process() {
        let me = std::process::id().to_string();
        for (pid, limit, expected) in [
            (None, Some("2000000"), Some(Duration::from_secs(2))),
            (Some(me.as_str()), Some("500"), Some(Duration::from_micros(500))),
            (Some("1"), Some("2000000"), None),
            (None, Some("0"), None),
            (None, Some("soon"), None),
            (None, None, None),
        ] {
            let variable = |name: &str| match name {
                "WATCHDOG_PID" => pid.map(str::to_owned),
                "WATCHDOG_USEC" => limit.map(str::to_owned),
                _ => None,
            };
            assert_eq!(watchdog(variable), expected, "{pid:?} {limit:?}");
        }
    }
}
