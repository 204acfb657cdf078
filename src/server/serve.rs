//! The status server from start to end: it listens where the settings say, moves, and shuts down.
//!
//! One task ([`serve()`]) follows the settings. Each listener has an accept loop; a new address is
//! bound before the accept loop of the old one is stopped. Requests on connections of the old one
//! are finished, then those connections close.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::http::{HeaderValue, header};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    engine::{Handle, ServerSettings},
    http::{Acceptor, Limits, Listener, Service, Settings, Timeouts, within_descriptors},
};

use super::{
    api_error::ApiError,
    app::App,
    bind::{BindError, Bound, listen},
    caller,
};

/// How long a client may take. The time for a request is short, as requests come in a packet or
/// two; the figures are those of the contract's section on HTTP.
pub(super) const TIMEOUTS: Timeouts = Timeouts {
    head: Duration::from_secs(10),
    request: Duration::from_secs(10),
    idle: Duration::from_secs(120),
    stall: Duration::from_secs(30),
};

/// How much a client may send, in bytes.
const LIMITS: Limits = Limits { head: 16 << 10, buffer: 64 << 10, body: 64 << 10 };

/// Descriptors that arcanos must have for each connection: what listens elsewhere and the workers
/// need the rest.
const DESCRIPTORS_PER_CONNECTION: u64 = 2;

/// How often a wanted address that is busy is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// How long requests that are being answered may go on once the server should end. Workers have
/// stopped by then, so no answer waits for one, and only clients that do not read or do not finish
/// their requests take all of it. The whole shutdown must stay within a second.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(400);

/// How long connections that were cut may take to be gone.
const CUT_TIMEOUT: Duration = Duration::from_millis(100);

/// How long connections are still accepted at the old address after a move: until every client
/// that looks the address up finds the new one.
const MOVE_OVERLAP: Duration = Duration::from_millis(250);

/// The key under which an address that cannot be bound stands among the problems of `/health`.
const PROBLEM: &str = "server.listen";

/// Serves until `shutdown` is cancelled; then ends all streams, lets open requests finish for a
/// moment, and cuts the rest.
///
/// Follows the engine's settings: a new address is bound before the old one is freed. What cannot
/// be bound is a problem of `/health`, and is tried again.
///
/// Dropping the future frees the address; its connections go on until their clients leave.
pub async fn serve(bound: Bound, handle: Handle, shutdown: CancellationToken) {
    serve_with(bound, handle, shutdown, TIMEOUTS).await;
}

/// [`serve()`], with these timeouts for clients.
pub(super) async fn serve_with(
    bound: Bound,
    handle: Handle,
    shutdown: CancellationToken,
    timeouts: Timeouts,
) {
    let settings = handle.server_settings();
    let app = Arc::new(App::new(handle, shutdown.child_token()));
    let acceptor = acceptor(&app, timeouts);
    let Bound { listener, addresses } = bound;
    let asked = listener.asked();
    let stop = CancellationToken::new();
    let mut serving =
        Serving { asked, swap_failed: None, stop, accepting: None, addresses, app, acceptor };
    serving.open(listener);
    serving.follow(settings, &shutdown).await;
    serving.close().await;
}

fn acceptor(app: &Arc<App>, timeouts: Timeouts) -> Acceptor<impl Service> {
    let settings = Settings {
        timeouts,
        limits: LIMITS,
        max_connections: {
            let app = Arc::clone(app);
            Box::new(move || within_descriptors(app.max_connections(), DESCRIPTORS_PER_CONNECTION))
        },
        full: || {
            let mut response = ApiError::full().response();
            caller::add_security_headers(response.headers_mut());
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        },
    };
    Acceptor::new(caller::service(Arc::clone(app)), settings, CancellationToken::new())
}

/// Why the follower woke up.
enum Wake {
    End,
    Changed,
    Retry,
}

/// The running server.
struct Serving<S> {
    /// The address that was asked for and is listened on; its port may be 0.
    asked: SocketAddr,
    /// The address for which the old one was given up without success: this is tried only once.
    swap_failed: Option<SocketAddr>,
    /// Stops the accept loop.
    stop: CancellationToken,
    /// The task of the accept loop; `None` once it has ended.
    accepting: Option<JoinHandle<()>>,
    addresses: watch::Sender<SocketAddr>,
    app: Arc<App>,
    acceptor: Acceptor<S>,
}

impl<S> Drop for Serving<S> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl<S: Service> Serving<S> {
    fn handle(&self) -> &Handle {
        &self.app.handle
    }

    fn open(&mut self, listener: Listener) {
        let address = listener.address();
        self.asked = listener.asked();
        self.handle().set_address(Some(address));
        self.addresses.send_replace(address);
        tracing::info!("The status server listens on http://{address}.");
        self.accept(listener);
    }

    fn accept(&mut self, listener: Listener) {
        self.stop = CancellationToken::new();
        self.accepting = Some(self.acceptor.listen(listener, self.stop.clone()));
    }

    async fn follow(
        &mut self,
        mut settings: watch::Receiver<Arc<ServerSettings>>,
        shutdown: &CancellationToken,
    ) {
        loop {
            let wanted = Arc::clone(&settings.borrow_and_update());
            self.acceptor.pool().shrink(wanted.max_connections);
            self.app.end_streams_of_old_token(&wanted);
            self.move_to(wanted.listen).await;
            let must_retry = self.asked != wanted.listen;
            let wake = tokio::select! {
                biased;
                // Cancel-safe: a cancelled token stays cancelled.
                () = shutdown.cancelled() => Wake::End,
                // Cancel-safe: a change that was not seen is seen by the next call.
                changed = settings.changed() => match changed {
                    Ok(()) => Wake::Changed,
                    Err(_) => Wake::End,
                },
                // Cancel-safe: the time is only a reason to look again.
                () = sleep(RETRY_INTERVAL), if must_retry => Wake::Retry,
            };
            match wake {
                Wake::Changed => self.swap_failed = None,
                Wake::Retry => {}
                Wake::End => return,
            }
        }
    }

    async fn move_to(&mut self, wanted: SocketAddr) {
        if wanted == self.asked {
            self.handle().set_problem(PROBLEM, None);
            return;
        }
        let old = *self.addresses.borrow();
        let bound = match listen(wanted) {
            Err(_) if overlap(old, wanted) && self.swap_failed != Some(wanted) => {
                self.swap(old, wanted).await
            }
            bound => bound,
        };
        match bound {
            Ok(listener) => {
                self.move_into(listener).await;
                self.handle().set_problem(PROBLEM, None);
            }
            Err(error) => {
                let every = RETRY_INTERVAL.as_secs();
                let text = format!(
                    "cannot {error}; still listening on `{old}`, and trying again every {every} s"
                );
                self.handle().set_problem(PROBLEM, Some(text));
            }
        }
    }

    /// Binds an address that overlaps with the old one: the old one has to be closed first, for an
    /// instant. If the new one cannot be bound even so, the old one is bound again.
    async fn swap(&mut self, old: SocketAddr, wanted: SocketAddr) -> Result<Listener, BindError> {
        self.stop_accepting().await;
        let bound = listen(wanted);
        if bound.is_err() {
            self.swap_failed = Some(wanted);
            match listen(old) {
                Ok(again) => self.accept(again),
                Err(error) => tracing::error!(%error, "The old address could not be bound again."),
            }
        }
        bound
    }

    /// Accepts connections at a new address, and a moment later none at the old one any more; those
    /// from before then finish their requests.
    ///
    /// No connection is asked to close before that moment has passed: one that was just opened would
    /// close at once, though its request may be on the way.
    async fn move_into(&mut self, listener: Listener) {
        let stop = self.stop.clone();
        let old = self.accepting.take();
        let before = self.acceptor.pool().mark();
        self.open(listener);
        // A client that has just looked up the old address is still served there.
        let _ = timeout(MOVE_OVERLAP, self.app.ending.cancelled()).await;
        stop.cancel();
        ended(old).await;
        self.acceptor.pool().close_before_when_idle(&before);
    }

    async fn stop_accepting(&mut self) {
        self.stop.cancel();
        ended(self.accepting.take()).await;
    }

    async fn close(&mut self) {
        self.stop_accepting().await;
        self.acceptor.pool().close_all_when_idle();
        if timeout(DRAIN_TIMEOUT, self.acceptor.ended()).await.is_err() {
            self.acceptor.cut();
            let _ = timeout(CUT_TIMEOUT, self.acceptor.ended()).await;
        }
    }
}

/// Waits for the end of an accept loop, and so of its listener; one that panicked has dropped it
/// too.
async fn ended(accepting: Option<JoinHandle<()>>) {
    if let Some(accepting) = accepting {
        let _ = accepting.await;
    }
}

/// Whether one of two addresses keeps the other from being bound.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && (a.ip().is_unspecified() || b.ip().is_unspecified() || a.ip() == b.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_in_the_way_of_its_port_only() {
        for (a, b, expect) in [
            ("0.0.0.0:3000", "127.0.0.1:3000", true),
            ("127.0.0.1:3000", "[::]:3000", true),
            ("127.0.0.1:3000", "127.0.0.2:3000", false),
            ("0.0.0.0:3000", "127.0.0.1:3001", false),
        ] {
            assert_eq!(overlap(a.parse().unwrap(), b.parse().unwrap()), expect, "{a} {b}");
        }
    }
}
