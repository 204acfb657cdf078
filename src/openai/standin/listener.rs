//! The stand-in's accept loop: a bounded number of connections, each with a header timeout.
//!
//! Invariant: the socket is bound to 127.0.0.1 only, on a port that the system chooses.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::routes;

/// Connections at once. Further ones wait in the system's backlog.
const MAX_CONNECTIONS: usize = 512;

/// How long a client may take to send the head of a request; also how long an idle connection
/// is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a connection's read buffer, and so of a request's head. Hyper's least is 8 KiB.
const HEAD_LIMIT: usize = 16 * 1024;

/// How long the accept loop rests when the machine has no descriptor to spare.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// How long open requests may take to end once it is stopped.
const DRAIN: Duration = Duration::from_secs(1);

/// The running stand-in. Dropping it ends it, open requests included, without waiting.
#[derive(Debug)]
pub struct StandIn {
    address: SocketAddr,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl StandIn {
    /// Binds a free loopback port and serves it until `cancel`, [`Self::stop`] or drop.
    ///
    /// # Errors
    /// What the system says when no port can be bound.
    pub async fn start(cancel: CancellationToken) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let cancel = cancel.child_token();
        let tasks = TaskTracker::new();
        tasks.spawn(accept(listener, tasks.clone(), cancel.clone()));
        Ok(Self { address, tasks, stop: cancel.drop_guard() })
    }

    /// Its base URL, as `OPENAI_BASE_URL` wants it: `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Ends it and waits until its connections are closed, for a second at most.
    pub async fn stop(self) {
        drop(self.stop);
        self.tasks.close();
        // A connection that outlives the deadline is one whose handler does not yield; the
        // process must not wait for it.
        let _ = time::timeout(DRAIN, self.tasks.wait()).await;
    }
}

/// Takes connections until cancelled.
async fn accept(listener: TcpListener, tasks: TaskTracker, cancel: CancellationToken) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let router = routes::router();
    while let Some(Ok(permit)) =
        cancel.run_until_cancelled(Arc::clone(&permits).acquire_owned()).await
    {
        match cancel.run_until_cancelled(listener.accept()).await {
            None => return,
            Some(Ok((stream, _))) => {
                let serving = serve(stream, router.clone(), cancel.clone());
                tasks.spawn(async move {
                    serving.await;
                    drop(permit);
                });
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "The stand-in could not accept a connection.");
                time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

/// Serves one connection until it ends or the stand-in does.
async fn serve(stream: TcpStream, router: Router, cancel: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Some(Err(error)) = cancel.run_until_cancelled(connection).await {
        tracing::debug!(%error, "A connection to the stand-in broke off.");
    }
}
