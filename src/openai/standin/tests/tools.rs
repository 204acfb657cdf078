//! Calls of tools, where a request demands them.

use serde_json::{Value, json};

use super::Site;

const ARGUMENTS: &str = r#"{"city":"[arcanos stand-in]"}"#;

fn schema() -> Value {
    json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] })
}

fn chat(choice: &Value) -> Value {
    json!({
        "messages": [{ "role": "user", "content": "Will it rain?" }],
        "tools": [{ "type": "function", "function": { "name": "weather", "parameters": schema() } }],
        "tool_choice": choice,
    })
}

fn named() -> [Value; 2] {
    [json!("required"), json!({ "type": "function", "function": { "name": "weather" } })]
}

#[tokio::test]
async fn a_chat_calls_the_tool_that_it_must() {
    let site = Site::new().await;
    for choice in named() {
        let json = site.post("/v1/chat/completions", &chat(&choice)).await.json();
        let choice = &json["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls");
        assert_eq!(choice["message"]["content"], Value::Null);
        let call = &choice["message"]["tool_calls"][0];
        assert_eq!(call["type"], "function");
        assert_eq!(call["function"], json!({ "name": "weather", "arguments": ARGUMENTS }));
        assert!(call["id"].as_str().is_some_and(|id| id.starts_with("call_")));
    }
    for choice in [json!("auto"), json!("none")] {
        let json = site.post("/v1/chat/completions", &chat(&choice)).await.json();
        assert_eq!(json["choices"][0]["finish_reason"], "stop");
        assert_eq!(json["choices"][0]["message"]["tool_calls"], Value::Null);
    }
}

#[tokio::test]
async fn a_streamed_call_joins_to_the_whole_one() {
    let site = Site::new().await;
    let mut body = chat(&json!("required"));
    body["stream"] = json!(true);
    let chunks = site.post("/v1/chat/completions", &body).await.events();
    let calls = chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/delta/tool_calls/0"));
    let calls: Vec<&Value> = calls.collect();
    assert_eq!((&calls[0]["index"], &calls[0]["function"]["name"]), (&json!(0), &json!("weather")));
    let joined: String =
        calls.iter().filter_map(|call| call["function"]["arguments"].as_str()).collect();
    assert_eq!(joined, ARGUMENTS);
    let last = chunks.last().expect("chunks");
    assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn a_response_calls_the_tool_that_it_must() {
    let site = Site::new().await;
    let mut body = json!({
        "input": "Will it rain?",
        "tools": [{ "type": "function", "name": "weather", "parameters": schema() }],
        "tool_choice": { "type": "function", "name": "weather" },
    });
    let whole = site.post("/v1/responses", &body).await.json();
    let item = &whole["output"][0];
    assert_eq!((&item["type"], &item["name"]), (&json!("function_call"), &json!("weather")));
    assert_eq!((&item["arguments"], &item["status"]), (&json!(ARGUMENTS), &json!("completed")));
    body["stream"] = json!(true);
    let events = site.post("/v1/responses", &body).await.events();
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).collect::<Vec<_>>();
    let deltas = of("response.function_call_arguments.delta");
    let joined: String = deltas.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(joined, ARGUMENTS);
    assert_eq!(of("response.function_call_arguments.done")[0]["arguments"], ARGUMENTS);
    assert_eq!(of("response.output_item.done")[0]["item"], *item);
    assert_eq!(of("response.completed")[0]["response"], whole);
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
}
