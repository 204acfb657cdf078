//! A connection's bytes, with their effect on its pulse.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::pulse::ConnectionState;

/// How long what a refused client still sends is read and thrown away. Closing with bytes unread
/// makes the kernel send a reset, which destroys the refusal before the client has read it.
const FAREWELL: Duration = Duration::from_secs(1);

/// How much of it: more than a body that is just too large, less than a flood.
const FAREWELL_BYTES: usize = 1 << 20;

/// A TCP stream that tells a [`ConnectionState`] what happens on it.
pub(super) struct Socket {
    stream: TcpStream,
    pulse: Arc<ConnectionState>,
    farewell: Option<LingeringClose>,
}

struct LingeringClose {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl Socket {
    /// This stream under this pulse.
    pub(super) fn new(stream: TcpStream, pulse: Arc<ConnectionState>) -> Self {
        Self { stream, pulse, farewell: None }
    }

    fn told(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Pending => self.pulse.blocked(),
            Poll::Ready(_) => self.pulse.wrote(),
        }
        result
    }

    /// A stream of events is only written to, so nobody would notice that its client went.
    fn poll_departure(&self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.pulse.is_streaming() {
            return Ok(());
        }
        let mut byte = [0];
        match self.stream.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::BrokenPipe.into()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(_)) | Poll::Pending => Ok(()),
        }
    }

    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let farewell = self.farewell.get_or_insert_with(|| LingeringClose {
            until: Box::pin(sleep(FAREWELL)),
            left: FAREWELL_BYTES,
        });
        let mut waste = [0; 4096];
        while farewell.left > 0 {
            if farewell.until.as_mut().poll(cx).is_ready() {
                break;
            }
            let mut buffer = ReadBuf::new(&mut waste);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    farewell.left = farewell.left.saturating_sub(buffer.filled().len());
                }
                // The client has gone too, or is done.
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            this.pulse.arrived();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.told(result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.told(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes at every turn of a connection, also when it has nothing to write.
        self.poll_departure(cx)?;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.farewell.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        if !this.pulse.has_unread() {
            return Poll::Ready(Ok(()));
        }
        this.poll_farewell(cx)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.pulse.is_cut() {
            // What such a client has not read would stay in the kernel's memory for minutes.
            let _ = self.stream.set_zero_linger();
        }
    }
}
