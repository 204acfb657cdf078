//! The thread that writes lines to stderr.
//!
//! Channel: `queue`, from all threads to the writer, bounded by [`QUEUE`]; a full one drops the
//! newest line and counts it.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

/// Lines that wait for a slow stderr: some 200 KiB at the usual length, and more than the start
/// of 500 workers says at once.
const QUEUE: usize = 2048;

enum Message {
    Line(String),
    Flush(SyncSender<()>),
}

/// A way to the writer. Cheap to clone; the thread ends with the last one.
#[derive(Clone)]
pub(super) struct Writer {
    queue: SyncSender<Message>,
    n_dropped: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(to: impl Write + Send + 'static) -> Self {
        let (queue, messages) = sync_channel(QUEUE);
        let n_dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&n_dropped);
        // Without the thread, lines are dropped once the queue is full; arcanos goes on.
        let _ = thread::Builder::new()
            .name("telemetry".to_owned())
            .spawn(move || write_all(to, &messages, &counter));
        Self { queue, n_dropped }
    }

    /// Queues a line, with its end; never waits.
    pub(super) fn send(&self, line: String) {
        if self.queue.try_send(Message::Line(line)).is_err() {
            self.n_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits for all lines before, at most this long.
    pub(super) fn flush(&self, patience: Duration) {
        let (done, is_done) = sync_channel(1);
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            let _ = is_done.recv_timeout(patience);
        }
    }
}

fn write_all(mut to: impl Write, messages: &Receiver<Message>, n_dropped: &AtomicU64) {
    for message in messages {
        // A stderr that is closed loses lines, and nobody reads a report of it.
        match message {
            Message::Line(line) => drop(to.write_all(line.as_bytes())),
            Message::Flush(done) => drop((to.flush(), done.try_send(()))),
        }
        let lost = n_dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(to, "arcanos: {lost} lines were dropped here; stderr was not read");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Mutex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Takes nothing until it is let.
    struct Gate(Arc<Mutex<Vec<u8>>>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_stderr_drops_lines_and_says_how_many() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let writer = Writer::start(Gate(Arc::clone(&written)));
        {
            let stuck = written.lock().unwrap();
            for n in 0..QUEUE + 10 {
                writer.send(format!("line {n}\n"));
            }
            writer.flush(Duration::from_millis(1));
            drop(stuck);
        }
        // The queue may still be full of lines: ask until the writer has come through.
        let text = || String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let deadline = std::time::Instant::now() + PATIENCE;
        while !text().contains("lines were dropped here") && std::time::Instant::now() < deadline {
            writer.flush(PATIENCE);
        }
        assert!(text().contains("line 0\n") && text().contains("lines were dropped here"));
        assert!(!text().contains(&format!("line {}\n", QUEUE + 9)));
    }

    #[test]
    fn a_closed_stderr_ends_nothing() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let writer = Writer::start(Closed);
        writer.send("lost\n".to_owned());
        writer.flush(PATIENCE);
        writer.send("also lost\n".to_owned());
    }
}
