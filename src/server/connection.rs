//! One connection, from accept to close.

use std::{
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::sleep_until};

use super::{
    accept::Acceptor, caller::Caller, crowd::ConnectionGuard, pulse::ConnectionState,
    socket::Socket,
};

/// The headers of a request with its first line, in bytes.
const MAX_HEADERS: usize = 16 << 10;

/// hyper's buffer for one connection, in bytes: room for the headers, and for part of an answer.
const MAX_BUFFER: usize = 64 << 10;

/// When a connection without a deadline is looked at again. A deadline that is set meanwhile is
/// kept: this only bounds how long a timer may sleep.
const LOOK: Duration = Duration::from_secs(120);

/// Serves one connection until it ends by itself, is dismissed, or a deadline cuts it.
pub(super) async fn drive(
    door: Acceptor,
    stream: TcpStream,
    peer: SocketAddr,
    seat: ConnectionGuard,
) {
    // Without a local address the socket is already dead.
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let pulse = Arc::clone(&seat.pulse);
    let Acceptor { app, routes, .. } = door;
    let cut = app.cut.clone();
    let caller = Arc::new(Caller { app, local, pulse: Arc::clone(&pulse), routes });
    let service = service_fn(move |request| Arc::clone(&caller).answer(request));
    let io = TokioIo::new(Socket::new(stream, Arc::clone(&pulse)));
    let mut hyper = pin!(builder().serve_connection(io, service));
    let mut alarm = pin!(sleep_until(deadline(&pulse).into()));
    let mut is_leaving = false;
    let mut cut = pin!(cut.cancelled());
    let end = poll_fn(|cx: &mut Context<'_>| {
        if cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        if !is_leaving && pulse.is_dismissed(cx.waker()) {
            if pulse.is_ousted() {
                return Poll::Ready(None);
            }
            is_leaving = true;
            hyper.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(end) = hyper.as_mut().poll(cx) {
            return Poll::Ready(Some(end));
        }
        loop {
            let deadline = deadline(&pulse);
            // A later deadline is noticed when the alarm goes off: most requests come and go
            // without touching the timer.
            if deadline < alarm.deadline().into_std() {
                alarm.as_mut().reset(deadline.into());
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if deadline <= Instant::now() {
                return Poll::Ready(None);
            }
            alarm.as_mut().reset(deadline.into());
        }
    })
    .await;
    match end {
        None => {
            pulse.cut();
            tracing::debug!(%peer, "A client was too slow and was cut.");
        }
        Some(Err(error)) => tracing::debug!(%peer, %error, "A connection broke."),
        Some(Ok(())) => {}
    }
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // hyper's own deadline would also end a connection that waits between two requests.
        .header_read_timeout(None)
        .max_header_size(MAX_HEADERS)
        .max_buf_size(MAX_BUFFER)
        // A client may close its half once it has asked, as `printf … | nc` does.
        .half_close(true);
    builder
}

fn deadline(pulse: &ConnectionState) -> Instant {
    pulse.deadline().unwrap_or_else(|| Instant::now() + LOOK)
}
