//! Two servers with settings of their own, over real sockets.

use std::{net::SocketAddr, time::Duration};

use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::service_fn;

use super::{
    Acceptor, BodyError, Limits, Listener, RequestBody, Settings, Timeouts,
    deadlines::tests::TIMEOUTS,
};

/// What any wait may take.
const SOON: Duration = Duration::from_secs(10);

/// A server that responds with the size of each body.
struct Site {
    address: SocketAddr,
    acceptor: Acceptor<Count>,
    stop: DropGuard,
}

type Count = tower::util::BoxCloneSyncService<
    Request<RequestBody>,
    Response<Body>,
    std::convert::Infallible,
>;

impl Site {
    fn new(max_connections: usize, max_body: usize, timeouts: Timeouts) -> Self {
        let settings = Settings {
            timeouts,
            limits: Limits { head: 8 << 10, buffer: 16 << 10, body: max_body },
            max_connections: Box::new(move || max_connections),
            full: || {
                let mut response = Response::new(b"no room".to_vec());
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                response
            },
        };
        let count = service_fn(async |request: Request<RequestBody>| {
            let text = match request.into_body().read().await {
                Ok(body) => format!("{} bytes", body.len()),
                Err(error @ BodyError::TooLarge { .. }) => format!("large: {error}"),
                Err(error @ BodyError::TooSlow { .. }) => format!("slow: {error}"),
                Err(error @ BodyError::Unreadable(_)) => format!("broken: {error}"),
            };
            Ok(Response::new(Body::from(text)))
        });
        let cut = CancellationToken::new();
        let acceptor = Acceptor::new(Count::new(count), settings, cut.clone());
        let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let address = listener.address();
        acceptor.listen(listener, cut.clone());
        Self { address, acceptor, stop: cut.drop_guard() }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a listener")
    }

    /// Sends a body and returns the whole response.
    async fn send(&self, body: &str) -> String {
        let mut stream = self.connect().await;
        let n = body.len();
        let head =
            format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {n}");
        // The server may respond and close before it has read everything.
        let _ = stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await;
        read(&mut stream).await
    }
}

async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the response is an end too.
    let _ = timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("the server closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_full_server_takes_no_room_from_another_one() {
    let [full, other] = [1, 1].map(|n| Site::new(n, 100, TIMEOUTS));
    let mut busy = full.connect().await;
    // Its body is still to come, so that the connection is not idle, and is closed only for a new
    // one that has no other room.
    busy.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12").await.unwrap();
    for _ in 0..3 {
        assert!(other.send("12345").await.ends_with("5 bytes"));
    }
    busy.write_all(b"345").await.unwrap();
    busy.shutdown().await.unwrap();
    assert!(read(&mut busy).await.ends_with("5 bytes"));
}

#[tokio::test]
async fn a_client_without_room_gets_the_response_of_its_server() {
    let site = Site::new(0, 100, TIMEOUTS);
    let text = site.send("").await;
    assert!(text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{text}");
    assert!(text.contains("connection: close\r\n") && text.ends_with("\r\n\r\nno room"), "{text}");
}

#[tokio::test]
async fn each_server_has_its_own_limit_for_bodies() {
    let [small, large] = [10, 10 << 20].map(|n| Site::new(8, n, TIMEOUTS));
    let body = "x".repeat(1 << 20);
    assert!(small.send(&body).await.ends_with("large: the body is larger than 10 bytes"));
    assert!(large.send(&body).await.ends_with("1048576 bytes"));
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_ends_with_an_error() {
    let request = Duration::from_millis(200);
    let site = Site::new(8, 100, Timeouts { request, ..TIMEOUTS });
    let mut stream = site.connect().await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n1").await.unwrap();
    let text = read(&mut stream).await;
    assert!(text.ends_with("slow: the request took more than 0.2 s to arrive"), "{text}");
}

#[tokio::test]
async fn a_cut_ends_what_is_open() {
    let site = Site::new(8, 100, TIMEOUTS);
    let mut stream = site.connect().await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n1").await.unwrap();
    drop(site.stop);
    timeout(SOON, site.acceptor.ended()).await.expect("all tasks end");
    assert_eq!(read(&mut stream).await, "");
}
