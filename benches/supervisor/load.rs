//! Requests over HTTP, as many as come back.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::Builder,
};

use crate::support::http::Connection;

/// The body of one answer; `None` if there is none yet.
pub(crate) fn fetch(address: SocketAddr, path: &str) -> Option<String> {
    let reply = Connection::try_open(address)?.try_get(path)?;
    (reply.status == 200).then_some(reply.body)
}

/// Answers a second, for so long, over so many connections that ask again and again.
pub(crate) fn rate(address: SocketAddr, path: &str, connections: usize, span: Duration) -> f64 {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let count = runtime.block_on(async {
        let end = Instant::now() + span;
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..connections {
            clients.spawn(ask(address, request.clone(), end));
        }
        clients.join_all().await.into_iter().sum::<u64>()
    });
    count as f64 / span.as_secs_f64()
}

async fn ask(address: SocketAddr, request: String, end: Instant) -> u64 {
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("to connect");
    stream.set_nodelay(true).expect("to send at once");
    let mut buffer = vec![0; 256 * 1024];
    let mut count = 0;
    while Instant::now() < end {
        stream.write_all(request.as_bytes()).await.expect("to ask");
        let (mut filled, mut whole) = (0, None);
        while whole.is_none_or(|whole| filled < whole) {
            // Once the length is known the bytes themselves do not matter.
            let at = if whole.is_some() { 0 } else { filled };
            let n = stream.read(&mut buffer[at..]).await.expect("an answer");
            assert!(n > 0, "the server closed");
            filled += n;
            whole = whole.or_else(|| length(&buffer[..filled]));
        }
        count += 1;
    }
    count
}

/// Bytes of the whole answer, by its head.
fn length(bytes: &[u8]) -> Option<usize> {
    let head = find(bytes, b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..head]).ok()?.to_ascii_lowercase();
    assert!(text.starts_with("http/1.1 200"), "{text}");
    let line = text.lines().find_map(|line| line.strip_prefix("content-length:"))?;
    Some(head + 4 + line.trim().parse::<usize>().ok()?)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}
