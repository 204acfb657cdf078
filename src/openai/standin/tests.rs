//! The stand-in over real HTTP, and its answers as tables.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};
use tokio_util::sync::CancellationToken;

use super::{MARK, MODEL, StandIn, schema};

/// Longest wait for anything here.
const PATIENCE: Duration = Duration::from_secs(10);

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

fn content(reply: &Reply) -> String {
    let json = reply.json();
    let text = json["choices"][0]["message"]["content"].as_str();
    text.expect("a text").to_owned()
}

#[tokio::test]
async fn a_chat_is_answered_with_the_mark_the_model_and_word_counts() {
    let site = Site::new().await;
    let question = json!({ "model": "gpt-4o-mini", "messages": [
        { "role": "system", "content": "You are terse." },
        { "role": "user", "content": [{ "type": "text", "text": "How many moons" },
                                      { "type": "image_url", "image_url": { "url": "x" } },
                                      { "type": "text", "text": "has Mars?" }] },
    ]});
    let reply = site.post("/v1/chat/completions", &question).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.headers["x-arcanos-upstream"], "echo");
    let text = content(&reply);
    assert!(text.starts_with(MARK), "{text}");
    assert!(text.contains("How many moons has Mars?"), "{text}");
    let json = reply.json();
    assert_eq!(json["object"], "chat.completion");
    assert_eq!(json["model"], MODEL);
    assert_eq!(json["choices"][0]["finish_reason"], "stop");
    assert_eq!(
        json["usage"],
        json!({ "prompt_tokens": 8, "completion_tokens": words(&text), "total_tokens": 8 + words(&text) })
    );
    let again = site.post("/v1/chat/completions", &question).await;
    assert_eq!(again.text, reply.text);
}

#[tokio::test]
async fn another_question_gets_another_answer() {
    let site = Site::new().await;
    let long = "word ".repeat(500);
    let questions = [
        json!([{ "role": "user", "content": "one" }]),
        json!([{ "role": "user", "content": "two" }]),
        json!([{ "role": "system", "content": "two" }]),
        json!([{ "role": "system", "content": "be brief" }, { "role": "user", "content": "one" }]),
        json!([{ "role": "user", "content": format!("{long} a") }]),
        json!([{ "role": "user", "content": format!("{long} b") }]),
    ];
    let mut answers = Vec::new();
    for messages in &questions {
        let body = json!({ "messages": messages });
        answers.push(content(&site.post("/v1/chat/completions", &body).await));
    }
    let mut distinct = answers.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), questions.len(), "{answers:#?}");
}

#[tokio::test]
async fn a_streamed_chat_joins_to_the_whole_answer() {
    let site = Site::new().await;
    let messages = json!([{ "role": "user", "content": "Tell me  three\nwords, ä ö ü" }]);
    let whole = site
        .post("/v1/chat/completions", &json!({ "messages": messages }))
        .await;
    let whole = content(&whole);
    for (options, asked) in [
        (Value::Null, false),
        (json!({ "include_usage": false }), false),
        (json!({ "include_usage": true }), true),
    ] {
        let body = json!({ "messages": messages, "stream": true, "stream_options": options });
        let reply = site.post("/v1/chat/completions", &body).await;
        let kind = reply.headers["content-type"].to_str().expect("text");
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        assert!(reply.text.ends_with("data: [DONE]\n\n"), "{}", reply.text);
        let chunks = reply.events();
        let delta = |chunk: &Value| chunk["choices"][0]["delta"].clone();
        let joined: String = chunks
            .iter()
            .filter_map(|chunk| delta(chunk)["content"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(joined, whole);
        assert_eq!(delta(&chunks[0])["role"], "assistant");
        let finished: Vec<&Value> = chunks
            .iter()
            .map(|chunk| &chunk["choices"][0]["finish_reason"])
            .filter(|reason| !reason.is_null())
            .collect();
        assert_eq!(finished, [&json!("stop")]);
        let usages = chunks.iter().filter(|chunk| chunk["usage"].is_object());
        assert_eq!(usages.count(), usize::from(asked), "{options}");
        if asked {
            let last = chunks.last().expect("chunks");
            assert_eq!(last["choices"], json!([]));
            assert_eq!(last["usage"]["completion_tokens"], words(&whole));
        }
    }
}

#[tokio::test]
async fn each_of_several_choices_is_whole_and_counted() {
    let site = Site::new().await;
    let body = json!({ "n": 3, "messages": [{ "role": "user", "content": "hi" }] });
    let json = site.post("/v1/chat/completions", &body).await.json();
    let choices = json["choices"].as_array().expect("choices");
    let indexes: Vec<&Value> = choices.iter().map(|choice| &choice["index"]).collect();
    assert_eq!(indexes, [&json!(0), &json!(1), &json!(2)]);
    let text = choices[2]["message"]["content"].as_str().expect("a text");
    assert_eq!(json["usage"]["completion_tokens"], 3 * words(text));
}

#[tokio::test]
async fn json_is_answered_where_json_is_asked_for() {
    let site = Site::new().await;
    let schema = json!({
        "type": "object",
        "properties": { "summary": { "type": "string" }, "score": { "type": "integer" } },
        "required": ["summary", "score"],
        "additionalProperties": false,
    });
    for (format, key) in [
        (json!({ "type": "json_object" }), "answer"),
        (
            json!({ "type": "json_schema", "json_schema": { "name": "s", "schema": schema } }),
            "summary",
        ),
    ] {
        let body = json!({ "messages": [{ "role": "user", "content": "as JSON" }], "response_format": format });
        let text = content(&site.post("/v1/chat/completions", &body).await);
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        let remark = answer[key].as_str().expect("a text");
        assert!(remark.starts_with(MARK), "{answer}");
    }
}

#[tokio::test]
async fn a_response_is_answered_whole() {
    let site = Site::new().await;
    for (input, asked) in [
        (json!("How many moons?"), 3 + 2),
        (
            json!([{ "role": "user", "content": [{ "type": "input_text", "text": "How many moons?" }] }]),
            3 + 2,
        ),
        (
            json!([{ "type": "function_call_output", "call_id": "c", "output": "4" },
                { "role": "user", "content": "So?" }]),
            1 + 2,
        ),
    ] {
        let body = json!({ "model": "m", "instructions": "Be terse.", "input": input });
        let json = site.post("/v1/responses", &body).await.json();
        let text = json["output"][0]["content"][0]["text"]
            .as_str()
            .expect("a text");
        assert!(text.starts_with(MARK), "{text}");
        assert_eq!(
            (&json["object"], &json["status"]),
            (&json!("response"), &json!("completed"))
        );
        assert_eq!(json["model"], MODEL);
        assert_eq!(json["usage"]["input_tokens"], asked, "{input}");
        assert_eq!(json["usage"]["output_tokens"], words(text));
        assert_eq!(json["instructions"], "Be terse.");
    }
}

#[tokio::test]
async fn a_streamed_response_is_a_numbered_row_of_named_events() {
    let site = Site::new().await;
    let whole = site
        .post("/v1/responses", &json!({ "input": "Tell me" }))
        .await
        .json();
    let reply = site
        .post(
            "/v1/responses",
            &json!({ "input": "Tell me", "stream": true }),
        )
        .await;
    let events = reply.events();
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().expect("a type"))
        .collect();
    let names: Vec<&str> = reply
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(names, kinds);
    let mut order = kinds.clone();
    order.dedup();
    assert_eq!(
        order,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    let joined: String = events
        .iter()
        .filter_map(|event| event["delta"].as_str())
        .collect();
    assert_eq!(
        joined,
        whole["output"][0]["content"][0]["text"]
            .as_str()
            .expect("a text")
    );
    assert_eq!(events.last().expect("events")["response"], whole);
}

#[tokio::test]
async fn embeddings_are_unit_vectors_of_the_wanted_length() {
    let site = Site::new().await;
    let ask = async |body: Value| site.post("/v1/embeddings", &body).await.json();
    let json = ask(json!({ "input": ["one two", "three", "one two"], "dimensions": 64 })).await;
    let vector = |index: usize| -> Vec<f64> {
        let numbers = json["data"][index]["embedding"]
            .as_array()
            .expect("numbers");
        numbers
            .iter()
            .map(|number| number.as_f64().expect("a number"))
            .collect()
    };
    for index in 0..3 {
        assert_eq!(json["data"][index]["index"], index);
        assert_eq!(vector(index).len(), 64);
        let length: f64 = vector(index).iter().map(|n| n * n).sum();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
    }
    assert_eq!(vector(0), vector(2));
    assert_ne!(vector(0), vector(1));
    assert_eq!(
        json["usage"],
        json!({ "prompt_tokens": 5, "total_tokens": 5 })
    );
    assert_eq!(json["model"], MODEL);

    let plain = ask(json!({ "input": "one two" })).await;
    assert_eq!(
        plain["data"][0]["embedding"]
            .as_array()
            .expect("numbers")
            .len(),
        1536
    );
    let tokens = ask(json!({ "input": [1, 2, 3], "dimensions": 4 })).await;
    assert_eq!(tokens["usage"]["prompt_tokens"], 3);
    let packed =
        ask(json!({ "input": "one two", "dimensions": 64, "encoding_format": "base64" })).await;
    // 64 floats of 4 bytes, 4 characters for 3 bytes.
    assert_eq!(
        packed["data"][0]["embedding"]
            .as_str()
            .expect("base64")
            .len(),
        344
    );
}

#[tokio::test]
async fn every_model_is_answered_for_with_the_one_there_is() {
    let site = Site::new().await;
    let list = site.call("GET", "/v1/models", "").await.json();
    assert_eq!(list["data"][0]["id"], MODEL);
    for id in [
        "arcanos-echo",
        "gpt-4o-mini",
        "org/model",
        "ft:gpt-4o:me::x",
    ] {
        let model = site
            .call("GET", &format!("/v1/models/{id}"), "")
            .await
            .json();
        assert_eq!(
            (&model["id"], &model["object"]),
            (&json!(MODEL), &json!("model")),
            "{id}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_in_openais_shape() {
    let site = Site::new().await;
    let chat = "/v1/chat/completions";
    for (method, path, body, status, code) in [
        ("POST", chat, "{", 400, json!(null)),
        ("POST", chat, "[]", 400, json!(null)),
        ("POST", chat, "{}", 400, json!("missing_required_parameter")),
        (
            "POST",
            chat,
            r#"{"messages":[]}"#,
            400,
            json!("invalid_value"),
        ),
        (
            "POST",
            chat,
            r#"{"messages":["x"]}"#,
            400,
            json!("invalid_value"),
        ),
        (
            "POST",
            chat,
            r#"{"messages":[{"role":"user","content":7}]}"#,
            400,
            json!("invalid_value"),
        ),
        (
            "POST",
            chat,
            r#"{"messages":[{"content":"x"}],"n":0}"#,
            400,
            json!("invalid_value"),
        ),
        (
            "POST",
            chat,
            r#"{"messages":[{"content":"x"}],"response_format":{"type":"xml"}}"#,
            400,
            json!("invalid_value"),
        ),
        (
            "POST",
            "/v1/responses",
            "{}",
            400,
            json!("missing_required_parameter"),
        ),
        (
            "POST",
            "/v1/embeddings",
            r#"{"input":[]}"#,
            400,
            json!("invalid_value"),
        ),
        (
            "POST",
            "/v1/embeddings",
            r#"{"input":"x","dimensions":1000000}"#,
            400,
            json!("invalid_value"),
        ),
        ("GET", "/v1/unknown", "", 404, json!("unknown_url")),
        ("GET", "/", "", 404, json!("unknown_url")),
        ("GET", chat, "", 405, json!("method_not_supported")),
    ] {
        let reply = site.call(method, path, body.to_owned()).await;
        assert_eq!(
            reply.status.as_u16(),
            status,
            "{method} {path} {body}: {}",
            reply.text
        );
        assert_eq!(reply.headers["x-arcanos-upstream"], "echo");
        let error = &reply.json()["error"];
        assert_eq!(
            (&error["code"], &error["type"]),
            (&code, &json!("invalid_request_error")),
            "{body}"
        );
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        if status == 405 {
            assert_eq!(reply.headers["allow"], "POST");
        }
    }
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
    idle.write_all(b"GET /v1/models HTTP/1.1\r\n")
        .await
        .expect("a write");
    site.cancel.cancel();
    time::timeout(PATIENCE, site.standin.stop())
        .await
        .expect("an end");
    let mut rest = Vec::new();
    let closed = time::timeout(PATIENCE, idle.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "the connection stays open");
    assert!(
        TcpStream::connect(&host).await.is_err(),
        "the port stays open"
    );
}

#[test]
fn an_instance_fits_its_schema() {
    let remark = "[arcanos stand-in] r";
    let defs = json!({ "$defs": { "node": { "type": "object", "properties": { "next": { "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/node" }] } } } }, "$ref": "#/$defs/node" });
    for (schema, expect) in [
        (json!({ "type": "string" }), json!(remark)),
        (json!({}), json!(remark)),
        (json!({ "type": "string", "maxLength": 4 }), json!("[arc")),
        (
            json!({ "type": "string", "minLength": 22 }),
            json!("[arcanos stand-in] r.."),
        ),
        (
            json!({ "type": "string", "format": "date" }),
            json!("2025-01-01"),
        ),
        (json!({ "type": ["null", "integer"] }), json!(1)),
        (json!({ "type": "integer", "minimum": 3 }), json!(3)),
        (
            json!({ "type": "integer", "exclusiveMaximum": 0 }),
            json!(-1),
        ),
        (
            json!({ "type": "integer", "minimum": 7, "multipleOf": 5 }),
            json!(10),
        ),
        (
            json!({ "type": "number", "minimum": 0, "maximum": 1 }),
            json!(0.5),
        ),
        (json!({ "enum": ["low", "high"] }), json!("low")),
        (json!({ "const": 4 }), json!(4)),
        (
            json!({ "type": "array", "items": { "type": "boolean" } }),
            json!([true]),
        ),
        (
            json!({ "type": "array", "items": { "type": "null" }, "minItems": 2 }),
            json!([null, null]),
        ),
        (
            json!({ "type": "array", "items": { "type": "null" }, "maxItems": 0 }),
            json!([]),
        ),
        (json!({ "type": "object" }), json!({})),
        (
            json!({ "properties": { "a": { "const": 1 }, "b": { "const": 2 } }, "required": ["b"] }),
            json!({ "b": 2 }),
        ),
        (
            json!({ "allOf": [{ "properties": { "a": { "const": 1 } } }, { "properties": { "b": { "const": 2 } } }] }),
            json!({ "a": 1, "b": 2 }),
        ),
        (defs, json!({ "next": null })),
        (json!({ "$ref": "#/nowhere" }), json!(null)),
    ] {
        assert_eq!(schema::instance(&schema, remark), expect, "{schema}");
    }
}

#[test]
fn an_endless_schema_ends() {
    let endless = json!({ "type": "array", "minItems": 1_000_000, "items": { "$ref": "#" } });
    let text = schema::instance(&endless, "r").to_string();
    assert!(text.len() < 100_000, "{}", text.len());
}
