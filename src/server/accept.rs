//! Taking connections in.

use std::{
    fs::File,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper_util::service::TowerToHyperService;
use rustix::io::Errno;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    api_error::ApiError, app::App, bind::Listener, connection, crowd::ConnectionPool,
    pulse::Timeouts, routes,
};

/// The pause after a failed accept, which doubles up to [`LONGEST_PAUSE`]: a machine without
/// descriptors would otherwise be asked for one without end.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause: so late at most is a connection answered once there are descriptors again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Clients that may be told at once that there is no room. Each holds a descriptor for up to
/// [`REFUSAL`]; beyond this many they are closed without a word.
const REFUSALS: usize = 16;

/// How long a refused client has for reading the refusal.
const REFUSAL: Duration = Duration::from_millis(500);

/// The pause after an idle connection was told to go, so that its descriptor is free again.
const ROOM: Duration = Duration::from_millis(5);

/// How long a failing acceptor is silent once it has said so.
const QUIET: Duration = Duration::from_secs(30);

/// Clients that are sent away one after another on the reserve, before descriptors are tried
/// again.
const AWAY: usize = 16;

/// The head of what a client is told for whom there is no room.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Content-Type: application/json\r\n\
    Cache-Control: no-store\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Retry-After: 1\r\n\
    Connection: close\r\n\r\n";

/// What an acceptor works with; shared by the ones of the old and of the new address.
#[derive(Clone)]
pub(super) struct Acceptor {
    pub(super) app: Arc<App>,
    pub(super) routes: TowerToHyperService<axum::Router>,
    pub(super) crowd: Arc<ConnectionPool>,
    pub(super) tasks: TaskTracker,
    pub(super) refusals: Arc<Semaphore>,
}

impl Acceptor {
    /// A door to this, with no connections yet.
    pub(super) fn new(app: Arc<App>, patience: Timeouts) -> Self {
        let routes = TowerToHyperService::new(routes::router(Arc::clone(&app)));
        Self {
            app,
            routes,
            crowd: Arc::new(ConnectionPool::new(patience)),
            tasks: TaskTracker::new(),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
        }
    }

    /// Takes connections from this listener until told to stop; those that are already in the
    /// kernel's queue then are still taken.
    pub(super) async fn accept(self, listener: Listener, stop: CancellationToken) {
        let mut reserve = Reserve::new();
        let mut pause = FIRST_PAUSE;
        let mut warned: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                biased;
                // Cancel-safe: a cancelled token stays cancelled.
                () = stop.cancelled() => break,
                // Cancel-safe: tokio documents that no connection is lost.
                accepted = listener.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = FIRST_PAUSE;
                    self.welcome(stream, peer);
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    if warned.is_none_or(|at| at.elapsed() > QUIET) {
                        warned = Some(Instant::now());
                        tracing::warn!(%error, "Connections cannot be accepted.");
                    }
                    if self.crowd.make_room() {
                        let _ = timeout(ROOM, stop.cancelled()).await;
                        continue;
                    }
                    reserve.turn_away(&listener.socket).await;
                    let _ = timeout(pause, stop.cancelled()).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
        self.empty(listener);
    }

    /// Takes what is in the kernel's queue: closing the socket would cut those clients off.
    ///
    /// Asks the kernel itself, for what the runtime has not heard of yet is in the queue, too.
    fn empty(&self, listener: Listener) {
        let Ok(socket) = listener.socket.into_std() else { return };
        while let Ok((stream, peer)) = socket.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            if let Ok(stream) = stream {
                self.welcome(stream, peer);
            }
        }
    }

    fn welcome(&self, stream: TcpStream, peer: SocketAddr) {
        let cap = self.app.max_connections();
        match self.crowd.admit(cap) {
            Some(seat) => {
                self.tasks.spawn(connection::drive(self.clone(), stream, peer, seat));
            }
            None => self.refuse(stream),
        }
    }

    fn refuse(&self, stream: TcpStream) {
        let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() else {
            return;
        };
        self.tasks.spawn(async move {
            let _ = timeout(REFUSAL, refuse(stream)).await;
            drop(permit);
        });
    }
}

/// Says that there is no room, and waits until the client has gone: closing with its request
/// unread would destroy the answer.
async fn refuse(stream: TcpStream) {
    let body = ApiError::full().body();
    // The buffer of a fresh socket takes both at once.
    if stream.writable().await.is_err() || stream.try_write(&[FULL, &body].concat()).is_err() {
        return;
    }
    let _ = rustix::net::shutdown(&stream, rustix::net::Shutdown::Write);
    let mut waste = [0; 1024];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut waste) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// A descriptor that is given up when there are none left, so that a waiting client can be taken
/// from the queue and sent away rather than left hanging.
struct Reserve(Option<File>);

impl Reserve {
    fn new() -> Self {
        Self(File::open("/dev/null").ok())
    }

    async fn turn_away(&mut self, listener: &TcpListener) {
        self.0 = None;
        for _ in 0..AWAY {
            let Some(Ok((stream, _))) = accept_now(listener).await else {
                break;
            };
            let _ = timeout(FIRST_PAUSE, refuse(stream)).await;
        }
        *self = Self::new();
    }
}

/// A connection that is already there; `None` if none is.
async fn accept_now(listener: &TcpListener) -> Option<io::Result<(TcpStream, SocketAddr)>> {
    timeout(Duration::ZERO, listener.accept()).await.ok()
}

/// Whether the error belongs to a client that went before it was accepted (accept(2)), so that
/// the next accept may succeed at once.
fn is_about_one_connection(error: &io::Error) -> bool {
    let Some(errno) = Errno::from_io_error(error) else {
        return false;
    };
    matches!(
        errno,
        Errno::CONNABORTED
            | Errno::CONNRESET
            | Errno::INTR
            | Errno::PROTO
            | Errno::PERM
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lack_of_resources_makes_the_acceptor_pause() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert!(!is_about_one_connection(&errno.into()), "{errno:?}");
        }
        for errno in [Errno::CONNABORTED, Errno::HOSTUNREACH] {
            assert!(is_about_one_connection(&errno.into()), "{errno:?}");
        }
    }
}
