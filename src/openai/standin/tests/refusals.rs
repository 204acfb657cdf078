//! What is refused, and how it ends.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

use super::Site;

/// Longest wait for anything here.
const SOON: Duration = Duration::from_secs(10);

const CHAT: &str = "/v1/chat/completions";

/// Method, path, body; status and code.
type Refused = (&'static str, &'static str, &'static str, u16, Option<&'static str>);

const REFUSED: &[Refused] = &[
    ("POST", CHAT, "{", 400, None),
    ("POST", CHAT, "[]", 400, None),
    ("POST", CHAT, "{}", 400, Some("missing_required_parameter")),
    ("POST", CHAT, r#"{"messages":[]}"#, 400, Some("invalid_value")),
    ("POST", CHAT, r#"{"messages":["x"]}"#, 400, Some("invalid_value")),
    ("POST", CHAT, r#"{"messages":[{"role":"user","content":7}]}"#, 400, Some("invalid_value")),
    ("POST", CHAT, r#"{"messages":[{"content":"x"}],"n":0}"#, 400, Some("invalid_value")),
    (
        "POST",
        CHAT,
        r#"{"messages":[{"content":"x"}],"response_format":{"type":"xml"}}"#,
        400,
        Some("invalid_value"),
    ),
    ("POST", "/v1/responses", "{}", 400, Some("missing_required_parameter")),
    ("POST", "/v1/embeddings", r#"{"input":[]}"#, 400, Some("invalid_value")),
    ("POST", "/v1/embeddings", r#"{"input":"x","dimensions":1000000}"#, 400, Some("invalid_value")),
    ("GET", "/v1/unknown", "", 404, Some("unknown_url")),
    ("GET", "/", "", 404, Some("unknown_url")),
    ("GET", CHAT, "", 405, Some("method_not_supported")),
];

#[tokio::test]
async fn what_cannot_be_answered_is_refused_in_openais_shape() {
    let site = Site::new().await;
    for &(method, path, body, status, code) in REFUSED {
        let reply = site.call(method, path, body).await;
        assert_eq!(reply.status.as_u16(), status, "{method} {path} {body}: {}", reply.text);
        assert_eq!(reply.headers["x-arcanos-upstream"], "echo");
        assert!(reply.headers.contains_key("x-request-id"));
        let error = &reply.json()["error"];
        assert_eq!(
            (&error["code"], &error["type"]),
            (&json!(code), &json!("invalid_request_error")),
            "{body}"
        );
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()));
        if status == 405 {
            assert_eq!(reply.headers["allow"], "POST");
        }
    }
}

#[tokio::test]
async fn a_route_that_it_lacks_is_named_with_the_way_out() {
    let site = Site::new().await;
    for (method, path) in [("POST", "/v1/images/generations"), ("DELETE", "/v1/models")] {
        let said = site.call(method, path, "{}").await.json()["error"]["message"].to_string();
        assert!(said.contains(&format!("the stand-in has no {method}")), "{said}");
        assert!(said.contains(path) && said.contains("set OPENAI_API_KEY"), "{said}");
    }
}

#[tokio::test]
async fn each_answer_has_an_id_of_its_own() {
    let site = Site::new().await;
    let id = async || site.call("GET", "/v1/models", "").await.headers["x-request-id"].clone();
    assert_ne!(id().await, id().await);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let site = Site::new().await;
    let text = "x".repeat(4 * 1024 * 1024);
    let body = json!({ "messages": [{ "role": "user", "content": text }] });
    let reply = site.post("/v1/chat/completions", &body).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(reply.json()["error"]["code"], "request_too_large");
}

#[tokio::test]
async fn only_loopback_hosts_are_served() {
    let site = Site::new().await;
    for (host, status) in [
        ("localhost", 200),
        ("LOCALHOST:3000", 200),
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
        ("rebound.example:3000", 403),
        ("127.0.0.1.example", 403),
        ("10.0.0.1", 403),
        ("", 403),
    ] {
        let request = Request::builder()
            .uri("/v1/models")
            .header("host", host)
            .body(Body::empty())
            .expect("a request");
        assert_eq!(site.send(request).await.status.as_u16(), status, "{host}");
    }
}

#[tokio::test]
async fn cancelling_ends_open_connections_and_frees_the_port() {
    let site = Site::new().await;
    let host = site.host();
    let mut idle = TcpStream::connect(&host).await.expect("a listener");
    idle.write_all(b"GET /v1/models HTTP/1.1\r\n").await.expect("a write");
    site.cancel.cancel();
    let mut rest = Vec::new();
    let closed = time::timeout(SOON, idle.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "the connection stays open");
    let port_closes = async { while TcpStream::connect(&host).await.is_ok() {} };
    time::timeout(SOON, port_closes).await.expect("the port is closed");
}
