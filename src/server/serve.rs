//! The server's life: where it listens, and how it ends.
//!
//! One task of its own ([`serve()`]) follows the settings. Each listener has an acceptor; a new one
//! is bound before the old one is told to stop. Requests on connections of the old one are
//! finished, then those connections close.

use std::{future::ready, mem, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::engine::{Handle, ServerSettings};

use super::{
    accept::Acceptor,
    app::App,
    bind::{BindError, Bound, Listener},
    pulse::Timeouts,
};

/// How often an address that is wanted and busy is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// How long requests that are being answered may go on once the server should end. Workers have
/// stopped by then, so nothing that an answer could wait for is left, and only clients that do
/// not read or do not finish to ask take it all: with what else the end costs, it must stay
/// within a second.
const DRAIN: Duration = Duration::from_millis(400);

/// How long connections that were cut may take to be gone.
const CUT: Duration = Duration::from_millis(100);

/// How long connections are still taken at an address that was moved away from: until everyone who
/// looks it up finds the new one.
const LINGER: Duration = Duration::from_millis(250);

/// The name under which a wanted address that cannot be had stands among the problems.
const PROBLEM: &str = "server.listen";

/// Serves until told to end; then ends all streams, lets open requests finish for a moment, and
/// cuts the rest.
///
/// Follows the engine's settings: a new address is bound before the old one is let go. What
/// cannot be bound is a problem of `/health`, and is tried again.
///
/// Dropping the future lets the address go; its connections go on until their clients leave.
pub async fn serve(bound: Bound, handle: Handle, shutdown: CancellationToken) {
    serve_with(bound, handle, shutdown, Timeouts::default()).await;
}

/// [`serve()`], with this patience for clients.
pub(super) async fn serve_with(
    bound: Bound,
    handle: Handle,
    shutdown: CancellationToken,
    patience: Timeouts,
) {
    let settings = handle.server_settings();
    let ending = shutdown.child_token();
    let app = Arc::new(App::new(handle, ending.clone()));
    let door = Acceptor::new(Arc::clone(&app), patience);
    let Bound { listener, addresses } = bound;
    let stop = CancellationToken::new();
    let acceptor = door.tasks.spawn(ready(()));
    let asked = listener.asked;
    let mut post = Serving { asked, in_vain: None, stop, acceptor, addresses, door };
    post.open(listener);
    post.follow(settings, &shutdown).await;
    post.close().await;
}

/// Why the follower woke up.
enum Wake {
    End,
    Changed,
    Retry,
}

/// Where the server stands at present.
struct Serving {
    asked: SocketAddr,
    /// The address for which the old one was let go in vain: that is not tried again and again.
    in_vain: Option<SocketAddr>,
    /// Stops the acceptor.
    stop: CancellationToken,
    acceptor: JoinHandle<()>,
    addresses: watch::Sender<SocketAddr>,
    door: Acceptor,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Serving {
    fn handle(&self) -> &Handle {
        &self.door.app.handle
    }

    fn open(&mut self, listener: Listener) {
        self.asked = listener.asked;
        self.handle().set_address(Some(listener.address));
        self.addresses.send_replace(listener.address);
        tracing::info!("The status server listens on http://{}.", listener.address);
        self.accept(listener);
    }

    fn accept(&mut self, listener: Listener) {
        self.stop = CancellationToken::new();
        let accepting = self.door.clone().accept(listener, self.stop.clone());
        self.acceptor = self.door.tasks.spawn(accepting);
    }

    async fn follow(
        &mut self,
        mut settings: watch::Receiver<Arc<ServerSettings>>,
        shutdown: &CancellationToken,
    ) {
        loop {
            let wanted = Arc::clone(&settings.borrow_and_update());
            self.door.crowd.shrink(wanted.max_connections);
            self.door.app.end_streams_of_old_token(&wanted);
            self.move_to(wanted.listen).await;
            let is_wanting = self.asked != wanted.listen;
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
                () = sleep(RETRY), if is_wanting => Wake::Retry,
            };
            match wake {
                Wake::Changed => self.in_vain = None,
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
        let bound = match Listener::bind(wanted) {
            Err(_) if overlap(old, wanted) && self.in_vain != Some(wanted) => {
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
                let every = RETRY.as_secs();
                let text = format!(
                    "cannot {error}; still listening on `{old}`, and trying again every {every} s"
                );
                self.handle().set_problem(PROBLEM, Some(text));
            }
        }
    }

    /// Takes an address that the old one is in the way of: the old one has to go first, for an
    /// instant. If the new one cannot be had even so, the old one is taken again.
    async fn swap(&mut self, old: SocketAddr, wanted: SocketAddr) -> Result<Listener, BindError> {
        self.stop_accepting().await;
        let bound = Listener::bind(wanted);
        if bound.is_err() {
            self.in_vain = Some(wanted);
            match Listener::bind(old) {
                Ok(again) => self.accept(again),
                Err(error) => tracing::error!(%error, "The old address could not be taken back."),
            }
        }
        bound
    }

    /// Takes connections at a new address, and a moment later none at the old one any more; those
    /// from before then finish what they are at.
    ///
    /// Nobody goes before that moment has passed: who has just connected is closed at once when it
    /// is dismissed, though its request may be on the way.
    async fn move_into(&mut self, listener: Listener) {
        let none = self.door.tasks.spawn(ready(()));
        let stop = self.stop.clone();
        let mut acceptor = mem::replace(&mut self.acceptor, none);
        let before = self.door.crowd.mark();
        self.open(listener);
        // Who has just looked up the old address is still let in there.
        let _ = timeout(LINGER, self.door.app.ending.cancelled()).await;
        stop.cancel();
        ended(&mut acceptor).await;
        self.door.crowd.dismiss_before(&before);
    }

    /// Stops taking connections at the old address; those there are finish what they are at.
    async fn leave(&mut self) {
        self.stop_accepting().await;
        self.door.crowd.dismiss_all();
    }

    async fn stop_accepting(&mut self) {
        self.stop.cancel();
        // What has ended must not be waited for again.
        let none = self.door.tasks.spawn(ready(()));
        ended(&mut mem::replace(&mut self.acceptor, none)).await;
    }

    async fn close(&mut self) {
        self.leave().await;
        self.door.tasks.close();
        if timeout(DRAIN, self.door.tasks.wait()).await.is_err() {
            self.door.app.cut.cancel();
            let _ = timeout(CUT, self.door.tasks.wait()).await;
        }
    }
}

/// Waits for the end of an acceptor, and so of its listener; one that panicked has dropped it too.
/// One that was waited for before is not waited for again.
async fn ended(acceptor: &mut JoinHandle<()>) {
    if !acceptor.is_finished() {
        let _ = acceptor.await;
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
