//! A TCP stream that reports its reads and writes to the state of its connection.

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

use super::deadlines::ConnectionState;

/// How long what a rejected client still sends is read and thrown away. Closing with bytes unread
/// makes the kernel send a reset, which destroys the response before the client has read it.
const LINGER: Duration = Duration::from_secs(1);

/// How much of it is read: more than a body that is just too large, less than a flood.
const LINGER_BYTES: usize = 1 << 20;

/// A TCP stream that reports to a [`ConnectionState`].
pub(super) struct Socket {
    stream: TcpStream,
    state: Arc<ConnectionState>,
    lingering: Option<LingeringClose>,
}

/// The reading of what a client still sends after its response.
struct LingeringClose {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl Socket {
    /// This stream, which reports to this state.
    pub(super) fn new(stream: TcpStream, state: Arc<ConnectionState>) -> Self {
        Self { stream, state, lingering: None }
    }

    fn reported(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Pending => self.state.blocked(),
            Poll::Ready(_) => self.state.wrote(),
        }
        result
    }

    /// Fails once the client of a stream of events has gone: such a stream is only written to, so
    /// that nobody would notice.
    fn poll_departure(&self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.state.is_streaming() {
            return Ok(());
        }
        let mut byte = [0];
        match self.stream.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::BrokenPipe.into()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(_)) | Poll::Pending => Ok(()),
        }
    }

    fn poll_lingering(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let lingering = self.lingering.get_or_insert_with(|| LingeringClose {
            until: Box::pin(sleep(LINGER)),
            left: LINGER_BYTES,
        });
        let mut unread = [0; 4096];
        while lingering.left > 0 {
            if lingering.until.as_mut().poll(cx).is_ready() {
                break;
            }
            let mut buffer = ReadBuf::new(&mut unread);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    lingering.left = lingering.left.saturating_sub(buffer.filled().len());
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
            this.state.arrived();
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
        this.reported(result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.reported(result)
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
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        if !this.state.has_unread() {
            return Poll::Ready(Ok(()));
        }
        this.poll_lingering(cx)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.state.is_cut() {
            // What such a client has not read would stay in the kernel's memory for minutes.
            let _ = self.stream.set_zero_linger();
        }
    }
}
