//! The accept loop: takes connections from a listener, and rejects those for which there is no
//! room.

use std::{
    fs::File,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::Response;
use rustix::io::Errno;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    bind::Listener,
    connection::{self, Connection},
    connections::ConnectionPool,
    service::Service,
    settings::Settings,
};

/// The pause after a failed accept, which doubles up to [`LONGEST_PAUSE`]: a machine without
/// descriptors would otherwise be asked for one without end.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause: so late at most is a connection taken once there are descriptors again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How many clients may be reading their rejection at once. Each holds a descriptor for up to
/// [`REJECT_TIMEOUT`]; beyond this many they are closed without a response.
const MAX_REJECTIONS: usize = 16;

/// How long a rejected client has for reading its rejection.
const REJECT_TIMEOUT: Duration = Duration::from_millis(500);

/// The pause after an idle connection was asked to close, so that its descriptor is free again.
const EVICT_PAUSE: Duration = Duration::from_millis(5);

/// How long a failing accept loop logs nothing once it has logged its failure.
const WARN_INTERVAL: Duration = Duration::from_secs(30);

/// Clients that are rejected one after another on the reserve descriptor before the loop tries
/// again to accept normally.
const REJECT_BATCH: usize = 16;

/// What accepts connections and serves them. Clones share one pool and one set of tasks, so that
/// an old and a new address can be served side by side.
#[derive(Clone)]
pub(crate) struct Acceptor<S> {
    service: S,
    settings: Arc<Settings>,
    pool: Arc<ConnectionPool>,
    tasks: TaskTracker,
    rejections: Arc<Semaphore>,
    cut: CancellationToken,
}

impl<S: Service> Acceptor<S> {
    /// One without connections. Cancelling `cut` ends all of them at once.
    pub(crate) fn new(service: S, settings: Settings, cut: CancellationToken) -> Self {
        Self {
            service,
            pool: Arc::new(ConnectionPool::new(settings.timeouts)),
            settings: Arc::new(settings),
            tasks: TaskTracker::new(),
            rejections: Arc::new(Semaphore::new(MAX_REJECTIONS)),
            cut,
        }
    }

    /// Starts a task that takes connections from this listener until `stop` is cancelled. The task
    /// still takes those that are already in the kernel's queue then; with it ends the listener.
    pub(crate) fn listen(&self, listener: Listener, stop: CancellationToken) -> JoinHandle<()> {
        self.tasks.spawn(self.clone().accept(listener, stop))
    }

    /// The connections.
    pub(crate) fn pool(&self) -> &ConnectionPool {
        &self.pool
    }

    /// Ends all connections, whatever they are at.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    /// Waits until no listener and no connection is left.
    ///
    /// # Cancel safety
    /// Dropping it only ends the waiting.
    pub(crate) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn accept(self, listener: Listener, stop: CancellationToken) {
        let mut reserve = ReserveDescriptor::new();
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
                    self.admit(stream, peer);
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    if warned.is_none_or(|at| at.elapsed() > WARN_INTERVAL) {
                        warned = Some(Instant::now());
                        tracing::warn!(%error, "Connections cannot be accepted.");
                    }
                    // Out of descriptors: a connection of ours that nobody uses frees one.
                    if self.pool.make_room() {
                        let _ = timeout(EVICT_PAUSE, stop.cancelled()).await;
                        continue;
                    }
                    reserve.reject_waiting(&listener.socket, &self.rejection()).await;
                    let _ = timeout(pause, stop.cancelled()).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
        self.drain_queue(listener);
    }

    /// Takes what is in the kernel's queue: closing the socket would cut those clients off.
    ///
    /// It asks the kernel itself, as the queue also holds what the runtime has not heard of yet.
    fn drain_queue(&self, listener: Listener) {
        let Ok(socket) = listener.socket.into_std() else { return };
        while let Ok((stream, peer)) = socket.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            if let Ok(stream) = stream {
                self.admit(stream, peer);
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        let Some(guard) = self.pool.admit((self.settings.max_connections)()) else {
            self.reject(stream);
            return;
        };
        let connection = Connection { stream, peer, guard };
        let service = self.service.clone();
        let driving =
            connection::drive(connection, service, self.settings.limits, self.cut.clone());
        self.tasks.spawn(driving);
    }

    fn reject(&self, stream: TcpStream) {
        let Ok(permit) = Arc::clone(&self.rejections).try_acquire_owned() else {
            return;
        };
        let rejection = self.rejection();
        self.tasks.spawn(async move {
            let _ = timeout(REJECT_TIMEOUT, reject(stream, &rejection)).await;
            drop(permit);
        });
    }

    fn rejection(&self) -> Vec<u8> {
        written((self.settings.full)())
    }
}

/// A response as bytes of HTTP/1.1, after which the connection is closed.
fn written(response: Response<Vec<u8>>) -> Vec<u8> {
    let (head, body) = response.into_parts();
    let mut bytes = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    for (name, value) in &head.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"connection: close\r\n\r\n");
    bytes.extend(body);
    bytes
}

/// Sends the rejection, and waits until the client has gone: closing with its request unread
/// would destroy the response.
async fn reject(stream: TcpStream, rejection: &[u8]) {
    // The buffer of a fresh socket takes all of it at once.
    if stream.writable().await.is_err() || stream.try_write(rejection).is_err() {
        return;
    }
    let _ = rustix::net::shutdown(&stream, rustix::net::Shutdown::Write);
    let mut unread = [0; 1024];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut unread) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// A descriptor that is given up when there are none left, so that a waiting client can be taken
/// from the queue and rejected rather than left hanging.
struct ReserveDescriptor(Option<File>);

impl ReserveDescriptor {
    fn new() -> Self {
        Self(File::open("/dev/null").ok())
    }

    async fn reject_waiting(&mut self, listener: &TcpListener, rejection: &[u8]) {
        self.0 = None;
        for _ in 0..REJECT_BATCH {
            let Some(Ok((stream, _))) = accept_now(listener).await else {
                break;
            };
            let _ = timeout(FIRST_PAUSE, reject(stream, rejection)).await;
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
    fn only_a_lack_of_resources_makes_the_accept_loop_pause() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert!(!is_about_one_connection(&errno.into()), "{errno:?}");
        }
        for errno in [Errno::CONNABORTED, Errno::HOSTUNREACH] {
            assert!(is_about_one_connection(&errno.into()), "{errno:?}");
        }
    }
}
