//! One connection, from accept to close.

use std::{
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    time::{Sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    connections::ConnectionGuard,
    deadlines::ConnectionState,
    exchange::Exchange,
    service::{ConnectionInfo, Service},
    settings::Limits,
    socket::Socket,
};

/// When the timer of a connection without a deadline goes off all the same. It bounds how long the
/// timer may sleep; a deadline that is set meanwhile moves it.
const LONGEST_SLEEP: Duration = Duration::from_secs(120);

/// An accepted connection.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) guard: ConnectionGuard,
}

/// Serves one connection until it ends by itself, is asked to go, passes a deadline, or `cut` is
/// cancelled.
pub(super) async fn drive<S: Service>(
    connection: Connection,
    service: S,
    limits: Limits,
    cut: CancellationToken,
) {
    let Connection { stream, peer, guard } = connection;
    // Without a local address the socket is already dead.
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Responses are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let state = Arc::clone(&guard.state);
    let exchange = Arc::new(Exchange {
        service,
        info: ConnectionInfo { local },
        state: Arc::clone(&state),
        max_body: limits.body,
    });
    let service = service_fn(move |request| Arc::clone(&exchange).respond(request));
    let io = TokioIo::new(Socket::new(stream, Arc::clone(&state)));
    let mut hyper = pin!(builder(limits).serve_connection(io, service));
    let mut timer = pin!(sleep_until(deadline(&state).into()));
    let mut is_closing = false;
    let mut cut = pin!(cut.cancelled());
    let end = poll_fn(|cx: &mut Context<'_>| {
        if cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        if !is_closing && state.must_close(cx.waker()) {
            if state.is_evicted() {
                return Poll::Ready(None);
            }
            is_closing = true;
            hyper.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(end) = hyper.as_mut().poll(cx) {
            return Poll::Ready(Some(end));
        }
        poll_deadline(timer.as_mut(), &state, cx).map(|()| None)
    })
    .await;
    match end {
        None => {
            state.cut();
            tracing::debug!(%peer, "A connection was cut.");
        }
        Some(Err(error)) => tracing::debug!(%peer, %error, "A connection broke."),
        Some(Ok(())) => {}
    }
}

/// Ready once the deadline of the connection has passed.
fn poll_deadline(
    mut timer: Pin<&mut Sleep>,
    state: &ConnectionState,
    cx: &mut Context<'_>,
) -> Poll<()> {
    loop {
        let deadline = deadline(state);
        // A later deadline is noticed when the timer goes off: most requests come and go without
        // touching the timer.
        if deadline < timer.deadline().into_std() {
            timer.as_mut().reset(deadline.into());
        }
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if deadline <= Instant::now() {
            return Poll::Ready(());
        }
        timer.as_mut().reset(deadline.into());
    }
}

fn builder(limits: Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // hyper's own deadline would also end a connection that waits between two requests.
        .header_read_timeout(None)
        .max_header_size(limits.head)
        .max_buf_size(limits.buffer)
        // A client may close its half once it has asked, as `printf … | nc` does.
        .half_close(true);
    builder
}

fn deadline(state: &ConnectionState) -> Instant {
    state.deadline().unwrap_or_else(|| Instant::now() + LONGEST_SLEEP)
}
