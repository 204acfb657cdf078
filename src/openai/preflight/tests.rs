//! The preflight against small servers that say one thing.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{PreflightTarget, Reachability, preflight};
use crate::openai::StandIn;

const KEY: &str = "sk-CANARYbadkey0123456789";

/// A server that answers every request with the same bytes and keeps the requests' heads.
struct Scripted {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Scripted {
    async fn new(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (kept, counted) = (Arc::clone(&heads), Arc::clone(&connections));
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                counted.fetch_add(1, Ordering::SeqCst);
                reply(stream, &answer, &kept).await;
            }
        });
        Self { url, heads, connections, serving }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("heads").clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An upstream that lacks `GET /models/ID`, and answers `GET /models` with this.
async fn with_list(status: u16, list: &str) -> (String, JoinHandle<()>) {
    let (missing, list) = (answer(404, r#"{"detail":"Not Found"}"#), answer(status, list));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let serving = tokio::spawn(async move {
        let heads = Mutex::new(Vec::new());
        for said in [&missing, &list] {
            let (stream, _) = listener.accept().await.expect("a connection");
            reply(stream, said, &heads).await;
        }
        let heads = heads.into_inner().expect("heads");
        assert!(heads[1].starts_with("GET /v1/models HTTP/1.1\r\n"), "{}", heads[1]);
        assert!(heads[1].contains(KEY), "{}", heads[1]);
    });
    (url, serving)
}

#[tokio::test]
async fn the_list_answers_for_the_key_where_a_model_cannot_be_asked_for() {
    let long = format!(r#"{{"id":"x","description":"{}"}}"#, "d".repeat(200 * 1024));
    for (status, list, reachable, message) in [
        (
            200,
            r#"{"object":"list","data":[{"id":"a"},{"id":"gpt-x"}]}"#.to_owned(),
            Some(true),
            None,
        ),
        (200, format!(r#"{{"data":[{long},{{"id":"gpt-x"}}]}}"#), Some(true), None),
        (
            200,
            r#"{"object":"list","data":[{"id":"a"}]}"#.to_owned(),
            Some(true),
            Some("accepts `OPENAI_API_KEY`, but its list of models lacks `gpt-x` of `AI_MODEL`"),
        ),
        (200, r#"{"data":[]}"#.to_owned(), Some(true), Some("its list of models lacks `gpt-x`")),
        (
            401,
            wrapped(r#""invalid_api_key""#, "Incorrect API key"),
            Some(false),
            Some("refused `OPENAI_API_KEY` with 401 Unauthorized"),
        ),
        (500, "boom".to_owned(), None, Some("answers neither `GET /models/ID` (404 Not Found)")),
        (200, "<html>".to_owned(), None, Some("answers neither `GET /models/ID`")),
    ] {
        let (url, serving) = with_list(status, &list).await;
        let found = preflight(&target(&url, "gpt-x")).await;
        assert_eq!(found.reachable, reachable, "{status}: {found:?}");
        assert_eq!(found.error.is_some(), message.is_some(), "{found:?}");
        assert!(error(&found).contains(message.unwrap_or("")), "{found:?}");
        serving.await.expect("both requests");
    }
}

async fn reply(mut stream: TcpStream, answer: &str, heads: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
        // A client that begins with TLS is answered at once: its hello has no end to wait for.
        if head[0] == 0x16 {
            break;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    heads.lock().expect("heads").push(head);
    // A client may have heard enough before the end of a long answer.
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn answer(status: u16, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn target(url: &str, model: &str) -> PreflightTarget {
    PreflightTarget {
        base_url: Some(url.to_owned()),
        key: SecretString::from(KEY),
        model: model.to_owned(),
        timeout: Duration::from_secs(10),
    }
}

fn error(found: &Reachability) -> &str {
    found.error.as_deref().unwrap_or("")
}

#[tokio::test]
async fn a_known_model_is_reachable_and_asked_for_once_with_the_key() {
    let full = r#"{"id":"gpt-good","object":"model","created":1,"owned_by":"x"}"#;
    for (model, path, body) in [
        ("gpt-good", "gpt-good", full),
        ("ft:gpt-3.5:me::v2", "ft:gpt-3.5:me::v2", r#"{"id":"x"}"#),
        ("org/mo del?", "org%2Fmo%20del%3F", r#"{"id":"x","created":99999999999}"#),
        (" gpt-good\n", "gpt-good", full),
    ] {
        let server = Scripted::new(answer(200, body)).await;
        let found = preflight(&target(&server.url, model)).await;
        assert_eq!(found, Reachability { reachable: Some(true), error: None }, "{model}");
        let heads = server.heads();
        assert_eq!(heads.len(), 1, "{heads:?}");
        let line = format!("GET /v1/models/{path} HTTP/1.1\r\n");
        assert!(heads[0].starts_with(&line), "{}", heads[0]);
        let key = format!("authorization: Bearer {KEY}\r\n");
        assert!(heads[0].contains(&key), "{}", heads[0]);
    }
}

fn wrapped(code: &str, message: &str) -> String {
    format!(r#"{{"error":{{"message":"{message}","type":"t","param":null,"code":{code}}}}}"#)
}

/// Status and body; what is found and reported.
type BadAnswer = (u16, String, Option<bool>, &'static str);

/// Answers about the key and the model.
fn refusals() -> Vec<BadAnswer> {
    let missing = "The model 'gpt-x' does not exist";
    vec![
        (
            401,
            wrapped(r#""invalid_api_key""#, "Incorrect API key"),
            Some(false),
            "refused `OPENAI_API_KEY` with 401 Unauthorized: Incorrect API key",
        ),
        (401, "<html>no</html>".to_owned(), Some(false), "refused `OPENAI_API_KEY` with 401"),
        (
            403,
            wrapped("null", "Country not supported"),
            Some(false),
            "403 Forbidden: Country not supported",
        ),
        (
            403,
            wrapped(r#""model_not_found""#, "no access"),
            Some(false),
            "does not know the model `gpt-x`",
        ),
        (
            404,
            wrapped(r#""model_not_found""#, missing),
            Some(false),
            "does not know the model `gpt-x` of `AI_MODEL`",
        ),
        (
            404,
            wrapped("404", "The model `gpt-x` does not exist."),
            Some(false),
            "does not know the model `gpt-x`",
        ),
    ]
}

/// Answers that decide nothing.
fn shrugs() -> Vec<BadAnswer> {
    vec![
        (
            404,
            r#"{"detail":"Not Found"}"#.to_owned(),
            None,
            "answers neither `GET /models/ID` (404 Not Found) nor `GET /models`",
        ),
        (
            404,
            wrapped("null", "no route /v1/models/gpt-x"),
            None,
            "answers neither `GET /models/ID`",
        ),
        (405, String::new(), None, "answers neither `GET /models/ID` (405 Method Not Allowed)"),
        (501, String::new(), None, "answers neither `GET /models/ID`"),
        (
            429,
            wrapped(r#""rate_limit_exceeded""#, "slow down"),
            None,
            "answered 429 Too Many Requests: slow down",
        ),
        (500, "boom".to_owned(), None, "answered 500 Internal Server Error"),
        (503, String::new(), None, "answered 503"),
        (302, String::new(), None, "answered 302"),
        (200, "<html>welcome</html>".to_owned(), None, "not one of OpenAI's API"),
        (200, "x".repeat(1 << 22), None, "not one of OpenAI's API"),
    ]
}

#[tokio::test]
async fn a_bad_answer_is_explained_and_never_asked_for_again() {
    for (status, body, reachable, message) in refusals().into_iter().chain(shrugs()) {
        let server = Scripted::new(answer(status, &body)).await;
        let found = preflight(&target(&server.url, "gpt-x")).await;
        assert_eq!(found.reachable, reachable, "{status} {:.80}: {found:?}", body);
        assert!(error(&found).contains(message), "{status}: {found:?}");
        // Where the route is unknown, the list is asked for too.
        let asked = if message.contains("neither") { 2 } else { 1 };
        assert_eq!(server.heads().len(), asked, "{status}");
        assert_eq!(server.connections.load(Ordering::SeqCst), asked, "{status}");
    }
}

#[tokio::test]
async fn the_key_is_never_repeated() {
    for said in [
        format!("Incorrect API key provided: {KEY}. See https://example.com."),
        "Incorrect API key provided: sk-CANAR***********6789. See https://example.com.".to_owned(),
        "Incorrect API key provided: sk-CANARYba. See https://example.com.".to_owned(),
    ] {
        let body = format!(r#"{{"error":{{"message":"{said}"}}}}"#);
        let server = Scripted::new(answer(401, &body)).await;
        let found = preflight(&target(&server.url, "m")).await;
        let message = error(&found);
        assert!(!message.contains("CANAR"), "{message}");
        assert!(!message.contains("6789"), "{message}");
        assert!(
            message.ends_with("[redacted OPENAI_API_KEY]. See https://example.com."),
            "{message}"
        );
    }
}

#[tokio::test]
async fn nobody_there_and_nobody_answering_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let mut silent = target(&url, "m");
    silent.timeout = Duration::from_millis(100);
    let found = preflight(&silent).await;
    assert_eq!(found.reachable, Some(false));
    assert!(error(&found).contains("no answer within 0.1 s"), "{found:?}");

    drop(listener);
    let found = preflight(&target(&url, "m")).await;
    assert_eq!(found.reachable, Some(false));
    assert!(error(&found).contains("cannot be reached: Connection refused"), "{found:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_off_tells_nothing() {
    let server = Scripted::new(String::new()).await;
    let found = preflight(&target(&server.url, "m")).await;
    assert_eq!(found.reachable, None, "{found:?}");
    assert!(error(&found).contains("broke off"), "{found:?}");
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_asked_is_not_asked() {
    let of = |base: Option<&str>, key: &str, model: &str| PreflightTarget {
        base_url: base.map(str::to_owned),
        key: SecretString::from(key),
        model: model.to_owned(),
        timeout: Duration::from_secs(10),
    };
    let here = Some("http://127.0.0.1:9/v1");
    for (target, message) in [
        (of(None, "", "m"), "`OPENAI_API_KEY` is not set"),
        (of(None, " \n", "m"), "`OPENAI_API_KEY` is not set"),
        (of(here, "sk-with\nbreak", "m"), "no HTTP header may hold"),
        (of(here, "sk-good", " "), "`AI_MODEL` is empty"),
        (of(Some("nonsense"), "sk-good", "m"), "not an `http://` or `https://` URL"),
        (of(Some("ftp://127.0.0.1/v1"), "sk-good", "m"), "not an `http://` or `https://` URL"),
    ] {
        let found = preflight(&target).await;
        assert_eq!(found.reachable, Some(false), "{target:?}");
        assert!(error(&found).contains(message), "{found:?}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_unreachable_by_https() {
    let server = Scripted::new(answer(200, "{}")).await;
    let url = server.url.replace("http://", "https://");
    let found = preflight(&target(&url, "m")).await;
    // A machine without root certificates cannot even ask.
    assert_ne!(found.reachable, Some(true), "{found:?}");
    assert!(found.error.is_some());
}

#[tokio::test]
async fn the_stand_in_is_reachable_for_any_model() {
    let standin = StandIn::start(CancellationToken::new()).await.expect("a port");
    let mut target = target(&standin.url(), "gpt-4o-mini");
    target.key = SecretString::from("");
    let found = preflight(&target).await;
    assert_eq!(found, Reachability { reachable: Some(true), error: None });
}
