//! `POST /v1/responses`: an answer of the Responses API, whole or as a stream of events.

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, pieces},
    body,
    identity::{CREATED, MODEL},
    question::Question,
    refusal::Refusal,
    stream,
    tool::{Arguments, Call},
};

/// Answers a request of the Responses API.
pub(super) async fn respond(body: Body) -> Result<Response, Refusal> {
    let body = body::read(body).await?;
    let answer = Answer::to(&Question::of_response(&body)?);
    let reply = Reply { answer: &answer, body: &body };
    if body.get("stream").and_then(Value::as_bool) == Some(true) {
        return Ok(stream::of_events(reply.events()));
    }
    Ok(Json(reply.completed()).into_response())
}

/// An answer, and the request whose settings are repeated with it.
struct Reply<'a> {
    answer: &'a Answer,
    body: &'a Map<String, Value>,
}

impl Reply<'_> {
    fn completed(&self) -> Value {
        let (asked, answered) = (self.answer.question_words, self.answer.words);
        let mut response = self.response("completed", &json!([self.item()]));
        response["usage"] = json!({
            "input_tokens": asked,
            "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": answered,
            "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": asked + answered,
        });
        response
    }

    /// The events of the streamed answer, numbered from 0.
    fn events(&self) -> Vec<Value> {
        let begun = self.response("in_progress", &json!([]));
        let mut events = vec![
            json!({ "type": "response.created", "response": begun }),
            json!({ "type": "response.in_progress", "response": begun }),
        ];
        events.extend(match &self.answer.call {
            Some(call) => call_events(self.answer, call),
            None => self.message_events(),
        });
        events.push(json!({ "type": "response.completed", "response": self.completed() }));
        for (number, event) in events.iter_mut().enumerate() {
            event["sequence_number"] = json!(number);
        }
        events
    }

    /// The one item of the output.
    fn item(&self) -> Value {
        match &self.answer.call {
            Some(call) => call_item(self.answer, call, "completed"),
            None => self.message("completed", &[part(&self.answer.text)]),
        }
    }

    fn message_events(&self) -> Vec<Value> {
        let mut events = vec![
            item_event("response.output_item.added", &self.message("in_progress", &[])),
            self.part_event("response.content_part.added", &part("")),
        ];
        for piece in self.answer.pieces() {
            events.push(self.text_event("response.output_text.delta", "delta", &piece));
        }
        events.extend([
            self.text_event("response.output_text.done", "text", &self.answer.text),
            self.part_event("response.content_part.done", &part(&self.answer.text)),
            item_event(
                "response.output_item.done",
                &self.message("completed", &[part(&self.answer.text)]),
            ),
        ]);
        events
    }

    /// The response object without its usage.
    fn response(&self, status: &str, output: &Value) -> Value {
        let given = |key: &str, absent: Value| self.body.get(key).cloned().unwrap_or(absent);
        json!({
            "id": format!("resp_echo_{:016x}", self.answer.digest),
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "background": false,
            "error": null,
            "incomplete_details": null,
            "instructions": given("instructions", Value::Null),
            "max_output_tokens": given("max_output_tokens", Value::Null),
            "metadata": given("metadata", json!({})),
            "model": MODEL,
            "output": output,
            "parallel_tool_calls": true,
            "previous_response_id": given("previous_response_id", Value::Null),
            "reasoning": { "effort": null, "summary": null },
            "store": false,
            "temperature": given("temperature", json!(1.0)),
            "text": given("text", json!({ "format": { "type": "text" } })),
            "tool_choice": given("tool_choice", json!("auto")),
            "tools": given("tools", json!([])),
            "top_p": given("top_p", json!(1.0)),
            "truncation": "disabled",
            "usage": null,
            "user": given("user", Value::Null),
        })
    }

    fn message(&self, status: &str, content: &[Value]) -> Value {
        json!({
            "id": self.message_id(),
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        })
    }

    fn message_id(&self) -> String {
        format!("msg_echo_{:016x}", self.answer.digest)
    }

    fn part_event(&self, kind: &str, part: &Value) -> Value {
        json!({
            "type": kind, "item_id": self.message_id(),
            "output_index": 0, "content_index": 0, "part": part,
        })
    }

    /// An event about the text, which stands in its field `key`.
    fn text_event(&self, kind: &str, key: &str, text: &str) -> Value {
        json!({
            "type": kind, "item_id": self.message_id(),
            "output_index": 0, "content_index": 0, key: text, "logprobs": [],
        })
    }
}

/// The item of a call, which has its arguments once it is completed.
fn call_item(answer: &Answer, call: &Call, status: &str) -> Value {
    let (kind, key) = match call.arguments {
        Arguments::Json(_) => ("function_call", "arguments"),
        Arguments::Text(_) => ("custom_tool_call", "input"),
    };
    let text = if status == "completed" { call.arguments.text() } else { "" };
    json!({
        "id": call_item_id(answer), "type": kind, "status": status,
        "call_id": answer.call_id(), "name": call.name, key: text,
    })
}

fn call_item_id(answer: &Answer) -> String {
    format!("fc_echo_{:016x}", answer.digest)
}

fn call_events(answer: &Answer, call: &Call) -> Vec<Value> {
    let (kind, key) = match call.arguments {
        Arguments::Json(_) => ("response.function_call_arguments", "arguments"),
        Arguments::Text(_) => ("response.custom_tool_call_input", "input"),
    };
    let event = |kind: String, key: &str, text: &str| json!({ "type": kind, "item_id": call_item_id(answer), "output_index": 0, key: text });
    let text = call.arguments.text();
    let mut events =
        vec![item_event("response.output_item.added", &call_item(answer, call, "in_progress"))];
    events.extend(pieces(text).iter().map(|piece| event(format!("{kind}.delta"), "delta", piece)));
    let mut done = event(format!("{kind}.done"), key, text);
    done["name"] = json!(call.name);
    events.push(done);
    events.push(item_event("response.output_item.done", &call_item(answer, call, "completed")));
    events
}

fn item_event(kind: &str, item: &Value) -> Value {
    json!({ "type": kind, "output_index": 0, "item": item })
}

/// The one part of the message.
fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}
