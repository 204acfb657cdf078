//! Where the server listens, and how it moves.

use std::net::SocketAddr;

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::bench::{Bench, SOON, read_until, wait_until};
use crate::domain::State;

async fn is_live(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return false;
    };
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut stream, "ARCANOS is live").await;
    true
}

/// An address that was free a moment ago.
async fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn the_engine_knows_where_the_server_listens() {
    let bench = Bench::new().await;
    let mut address = bench.handle.0.address.subscribe();
    let address = timeout(SOON, address.wait_for(Option::is_some)).await.unwrap().unwrap();
    assert_eq!(*address, Some(bench.address));
}

#[tokio::test]
async fn a_new_address_is_taken_and_open_requests_finish_on_the_old_one() {
    let mut bench = Bench::new().await;
    bench.put("a", State::Starting);
    let mut waiting = bench.connect().await;
    let text = b"POST /workers/restart/a?wait=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    waiting.write_all(text).await.unwrap();
    wait_until("the restart", || bench.runtime.asked.lock().unwrap().len() == 1).await;
    let new = free().await;
    bench.addresses.mark_unchanged();
    bench.configure(|s| s.listen = new);
    timeout(SOON, bench.addresses.changed()).await.unwrap().unwrap();
    assert_eq!(*bench.addresses.borrow(), new);
    assert!(is_live(new).await);
    let old = bench.address;
    wait_until("the old address to be free", || std::net::TcpListener::bind(old).is_ok()).await;
    bench.put("a", State::Running);
    read_until(&mut waiting, "restart initiated").await;
    assert_eq!(*bench.handle.0.address.borrow(), Some(new));
}

#[tokio::test]
async fn a_busy_address_is_a_problem_until_it_is_free() {
    let bench = Bench::new().await;
    let busy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wanted = busy.local_addr().unwrap();
    bench.configure(|s| s.listen = wanted);
    wait_until("the problem", || !bench.handle.snapshot().problems.is_empty()).await;
    let problem = bench.handle.snapshot().problems[0].clone();
    assert!(problem.contains(&wanted.to_string()), "{problem}");
    assert!(
        problem.contains("another program") && problem.contains("still listening"),
        "{problem}"
    );
    assert!(is_live(bench.address).await, "the old one stays");
    drop(busy);
    wait_until("the move", || *bench.addresses.borrow() == wanted).await;
    wait_until("no problem", || bench.handle.snapshot().problems.is_empty()).await;
    assert!(is_live(wanted).await);
}

#[tokio::test]
async fn a_wish_that_is_taken_back_is_not_a_problem() {
    let bench = Bench::new().await;
    let busy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wanted = busy.local_addr().unwrap();
    bench.configure(|s| s.listen = wanted);
    wait_until("the problem", || !bench.handle.snapshot().problems.is_empty()).await;
    bench.configure(|s| s.listen = "127.0.0.1:0".parse().unwrap());
    wait_until("no problem", || bench.handle.snapshot().problems.is_empty()).await;
    assert_eq!(*bench.addresses.borrow(), bench.address);
}

#[tokio::test]
async fn a_wildcard_takes_over_the_port_of_the_address_within_it() {
    let bench = Bench::new().await;
    let wide = SocketAddr::from(([0, 0, 0, 0], bench.address.port()));
    for address in [wide, bench.address] {
        bench.configure(|s| s.listen = address);
        wait_until("the move", || *bench.addresses.borrow() == address).await;
        assert!(is_live(bench.address).await);
    }
}

#[tokio::test]
async fn the_address_is_free_once_the_server_has_ended() {
    let bench = Bench::new().await;
    let address = bench.address;
    bench.end().await;
    assert!(TcpListener::bind(address).await.is_ok());
}
