use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Mutex,
};

use super::*;
use crate::cli::exit::{self, Failure};

/// A server that gives these answers, one a connection, and keeps what it was asked.
async fn scripted(answers: Vec<String>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = vec![0; 16 * 1024];
            let length = stream.read(&mut request).await.expect("a request");
            kept.lock().await.push(String::from_utf8_lossy(&request[..length]).into_owned());
            stream.write_all(answer.as_bytes()).await.expect("a reader");
            stream.shutdown().await.expect("a reader");
        }
    });
    (address, asked)
}

fn json(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_request_carries_host_and_token_and_brings_the_answer() {
    let (address, asked) = scripted(vec![json("200 OK", r#"{"workers":[]}"#)]).await;
    let client = Client::new(address, Some("t0ken".to_owned().into()));
    let body = client.read("/workers").await.expect("a good answer");
    assert_eq!(body, serde_json::json!({ "workers": [] }));
    let request = asked.lock().await[0].to_ascii_lowercase();
    for part in ["get /workers http/1.1\r\n", &format!("host: {address}\r\n"), "bearer t0ken\r\n"] {
        assert!(request.contains(part), "{part} in {request}");
    }
}

#[tokio::test]
async fn a_body_is_sent_as_json() {
    let (address, asked) = scripted(vec![json("200 OK", "{}")]).await;
    let body = Some(r#"{"a":1}"#.to_owned());
    let client = Client::new(address, None);
    client.ask(Method::POST, "/workers/run/t", body, Wait::Long).await.expect("an answer");
    let request = asked.lock().await[0].clone();
    assert!(request.contains("application/json") && request.ends_with("{\"a\":1}"), "{request}");
    assert!(!request.to_ascii_lowercase().contains("authorization"));
}

#[tokio::test]
async fn a_refusal_is_shown_in_the_servers_words_made_harmless() {
    let refusal = r#"{"success":false,"error":"Worker x not found","code":"not_found","message":"Worker \u001b[2Jx not found"}"#;
    let answers = vec![
        json("404 Not Found", refusal),
        json("401 Unauthorized", "{}"),
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
    ];
    let (address, _) = scripted(answers).await;
    let client = Client::new(address, None);
    for (code, part) in [(1, "x not found"), (1, "another token"), (1, "no JSON")] {
        let failure = Failure::from(client.read("/").await.expect_err("no good answer"));
        assert_eq!(failure.code(), code);
        assert!(failure.to_string().contains(part), "{failure}");
        assert!(!failure.to_string().contains('\u{1b}'));
    }
}

#[tokio::test]
async fn nobody_there_is_exit_5() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = Client::new(address, None).read("/").await.expect_err("nobody listens");
    assert_eq!(Failure::from(error).code(), exit::NOT_RUNNING);
}

#[tokio::test]
async fn events_come_one_by_one_until_the_server_ends_the_stream() {
    let stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\
                  id: 1\nevent: line\ndata: one\n\n: still here\n\ndata: two\n\n";
    let (address, asked) = scripted(vec![stream.to_owned(), json("404 Not Found", "{}")]).await;
    let client = Client::new(address, None);
    let mut events = client.events("/events", Some("41")).await.expect("a stream");
    let mut seen = Vec::new();
    while let Some(event) = events.next().await.expect("a whole stream") {
        seen.push(event.data);
    }
    assert_eq!(seen, ["one", "two"]);
    assert!(asked.lock().await[0].to_ascii_lowercase().contains("last-event-id: 41"));
    assert!(matches!(client.events("/x", None).await, Err(ClientError::Refused { .. })));
}
