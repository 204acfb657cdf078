//! Chat completions.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Reply, Site, words};
use crate::openai::standin::identity::{MARK, MODEL};

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
    let whole = site.post("/v1/chat/completions", &json!({ "messages": messages })).await;
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
