//! Responses, embeddings and models.

use serde_json::{Value, json};

use super::{Site, words};
use crate::openai::standin::identity::{MARK, MODEL};

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
        let text = json["output"][0]["content"][0]["text"].as_str().expect("a text");
        assert!(text.starts_with(MARK), "{text}");
        assert_eq!((&json["object"], &json["status"]), (&json!("response"), &json!("completed")));
        assert_eq!(json["model"], MODEL);
        assert_eq!(json["usage"]["input_tokens"], asked, "{input}");
        assert_eq!(json["usage"]["output_tokens"], words(text));
        assert_eq!(json["instructions"], "Be terse.");
    }
}

#[tokio::test]
async fn a_streamed_response_is_a_numbered_row_of_named_events() {
    let site = Site::new().await;
    let whole = site.post("/v1/responses", &json!({ "input": "Tell me" })).await.json();
    let reply = site.post("/v1/responses", &json!({ "input": "Tell me", "stream": true })).await;
    let events = reply.events();
    let kinds: Vec<&str> =
        events.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    let names: Vec<&str> =
        reply.text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
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
    let joined: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(joined, whole["output"][0]["content"][0]["text"].as_str().expect("a text"));
    assert_eq!(events.last().expect("events")["response"], whole);
}

#[tokio::test]
async fn embeddings_are_unit_vectors_of_the_wanted_length() {
    let site = Site::new().await;
    let ask = async |body: Value| site.post("/v1/embeddings", &body).await.json();
    let json = ask(json!({ "input": ["one two", "three", "one two"], "dimensions": 64 })).await;
    let vector = |index: usize| -> Vec<f64> {
        let numbers = json["data"][index]["embedding"].as_array().expect("numbers");
        numbers.iter().map(|number| number.as_f64().expect("a number")).collect()
    };
    for index in 0..3 {
        assert_eq!(json["data"][index]["index"], index);
        assert_eq!(vector(index).len(), 64);
        let length: f64 = vector(index).iter().map(|n| n * n).sum();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
    }
    assert_eq!(vector(0), vector(2));
    assert_ne!(vector(0), vector(1));
    assert_eq!(json["usage"], json!({ "prompt_tokens": 5, "total_tokens": 5 }));
    assert_eq!(json["model"], MODEL);

    let plain = ask(json!({ "input": "one two" })).await;
    assert_eq!(plain["data"][0]["embedding"].as_array().expect("numbers").len(), 1536);
    let tokens = ask(json!({ "input": [1, 2, 3], "dimensions": 4 })).await;
    assert_eq!(tokens["usage"]["prompt_tokens"], 3);
    let packed =
        ask(json!({ "input": "one two", "dimensions": 64, "encoding_format": "base64" })).await;
    // 64 floats of 4 bytes, 4 characters for 3 bytes.
    assert_eq!(packed["data"][0]["embedding"].as_str().expect("base64").len(), 344);
}

#[tokio::test]
async fn every_model_is_answered_for_with_the_one_there_is() {
    let site = Site::new().await;
    let list = site.call("GET", "/v1/models", "").await.json();
    assert_eq!(list["data"][0]["id"], MODEL);
    for id in ["arcanos-echo", "gpt-4o-mini", "org/model", "ft:gpt-4o:me::x"] {
        let model = site.call("GET", &format!("/v1/models/{id}"), "").await.json();
        assert_eq!((&model["id"], &model["object"]), (&json!(MODEL), &json!("model")), "{id}");
    }
}
