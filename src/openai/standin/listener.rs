//! The running stand-in: its listener and what it allows its clients.
//!
//! Invariant: the socket is bound to 127.0.0.1 only, on a port that the system chooses.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio_util::sync::{CancellationToken, DropGuard};

use super::{refusal::Refusal, routes};
use crate::http::{Acceptor, Limits, Listener, Settings, Timeouts, within_descriptors};

/// Connections at once: more than the workers of one machine keep open. Then an idle one is closed
/// for a new one, and if none is idle, the new one gets a 503, which the SDKs retry.
const MAX_CONNECTIONS: usize = 512;

/// Descriptors that arcanos must have for each: the status server and the workers need the rest.
const DESCRIPTORS_PER_CONNECTION: u64 = 4;

/// How long a client may take. A prompt may be large, so its body has more time than its head.
const TIMEOUTS: Timeouts = Timeouts {
    head: Duration::from_secs(10),
    request: Duration::from_secs(30),
    idle: Duration::from_secs(120),
    stall: Duration::from_secs(30),
};

/// How much a client may send, in bytes. The SDKs' longest ordinary prompts stay far below.
const LIMITS: Limits = Limits { head: 16 << 10, buffer: 64 << 10, body: 4 << 20 };

/// The running stand-in. Dropping it ends it, open requests included, without waiting.
pub struct StandIn {
    address: SocketAddr,
    _stop: DropGuard,
}

impl StandIn {
    /// Binds a free loopback port and serves it until `cancel` or drop.
    ///
    /// # Errors
    /// What the system says when no port can be bound.
    pub async fn start(cancel: CancellationToken) -> io::Result<Self> {
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = listener.address();
        let stop = cancel.child_token();
        let settings = Settings {
            timeouts: TIMEOUTS,
            limits: LIMITS,
            max_connections: Box::new(|| {
                within_descriptors(MAX_CONNECTIONS, DESCRIPTORS_PER_CONNECTION)
            }),
            full: || Refusal::Full.response(),
        };
        // A request needs no time to finish: its answer is made from memory.
        let acceptor = Acceptor::new(routes::router(), settings, stop.clone());
        acceptor.listen(listener, stop.clone());
        Ok(Self { address, _stop: stop.drop_guard() })
    }

    /// Its base URL, as `OPENAI_BASE_URL` wants it: `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

impl std::fmt::Debug for StandIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StandIn").field("address", &self.address).finish_non_exhaustive()
    }
}
