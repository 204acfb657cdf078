//! The stand-in over real HTTP.

mod chat;
mod others;
mod refusals;
mod tools;

use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::StandIn;

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    /// The JSON of each `data:` line but `[DONE]`.
    fn events(&self) -> Vec<Value> {
        self.text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).expect("JSON in data"))
            .collect()
    }
}

struct Site {
    standin: StandIn,
    cancel: CancellationToken,
}

impl Site {
    async fn new() -> Self {
        let cancel = CancellationToken::new();
        let standin = StandIn::start(cancel.clone()).await.expect("a port");
        Self { standin, cancel }
    }

    fn host(&self) -> String {
        let url = self.standin.url();
        let rest = url.strip_prefix("http://").expect("a scheme");
        rest.strip_suffix("/v1").expect("a base").to_owned()
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let stream = TcpStream::connect(self.host()).await.expect("a listener");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
        let driver = tokio::spawn(connection);
        let response = sender.send_request(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        driver.abort();
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).expect("UTF-8"),
        }
    }

    async fn call(&self, method: &str, path: &str, body: impl Into<Body>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.host())
            .body(body.into())
            .expect("a request");
        self.send(request).await
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call("POST", path, body.to_string()).await
    }
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}
