//! `POST /v1/chat/completions`: a chat's answer, whole or as a stream of chunks.

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

/// Choices a request may ask for: OpenAI's own limit.
const MAX_CHOICES: u64 = 128;

/// Whether a streamed answer ends with its usage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Usage {
    Shown,
    Omitted,
}

impl Usage {
    /// Reads `stream_options`.
    fn of(body: &Map<String, Value>) -> Self {
        let asked = body
            .get("stream_options")
            .and_then(|options| options.get("include_usage"))
            .and_then(Value::as_bool);
        match asked {
            Some(true) => Self::Shown,
            Some(false) | None => Self::Omitted,
        }
    }
}

/// Answers a chat.
pub(super) async fn complete(body: Body) -> Result<Response, Refusal> {
    let body = body::read(body).await?;
    let question = Question::of_chat(&body)?;
    let choices = choices(&body)?;
    let answer = Answer::to(&question);
    if body.get("stream").and_then(Value::as_bool) == Some(true) {
        let chunks = chunks(&answer, choices, Usage::of(&body));
        return Ok(stream::of_chunks(chunks));
    }
    Ok(Json(completion(&answer, choices)).into_response())
}

fn choices(body: &Map<String, Value>) -> Result<u64, Refusal> {
    match body.get("n") {
        None | Some(Value::Null) => Ok(1),
        Some(n) => n
            .as_u64()
            .filter(|n| (1..=MAX_CHOICES).contains(n))
            .ok_or(Refusal::Invalid { parameter: "n", expected: "a number from 1 to 128" }),
    }
}

fn completion(answer: &Answer, choices: u64) -> Value {
    let choice = |index| {
        json!({
            "index": index,
            "message": message(answer),
            "logprobs": null,
            "finish_reason": finish(answer),
        })
    };
    json!({
        "id": id(answer),
        "object": "chat.completion",
        "created": CREATED,
        "model": MODEL,
        "choices": (0..choices).map(choice).collect::<Vec<_>>(),
        "usage": usage(answer, choices),
        "system_fingerprint": MODEL,
    })
}

/// The text, or the call of a tool in its place.
fn message(answer: &Answer) -> Value {
    let mut message = json!({
        "role": "assistant", "content": answer.text, "refusal": null, "annotations": [],
    });
    if let Some(call) = &answer.call {
        message["content"] = Value::Null;
        message["tool_calls"] = json!([tool_call(answer, call, call.arguments.text())]);
    }
    message
}

/// A call with these arguments, which may be the first piece of them.
fn tool_call(answer: &Answer, call: &Call, arguments: &str) -> Value {
    let id = answer.call_id();
    match call.arguments {
        Arguments::Json(_) => json!({
            "id": id, "type": "function",
            "function": { "name": call.name, "arguments": arguments },
        }),
        Arguments::Text(_) => json!({
            "id": id, "type": "custom", "custom": { "name": call.name, "input": arguments },
        }),
    }
}

/// The deltas of a streamed answer, without the role and the end.
fn deltas(answer: &Answer) -> Vec<Value> {
    let Some(call) = &answer.call else {
        return answer.pieces().iter().map(|piece| json!({ "content": piece })).collect();
    };
    let mut first = tool_call(answer, call, "");
    first["index"] = json!(0);
    let rest = pieces(call.arguments.text()).into_iter().map(|piece| match call.arguments {
        Arguments::Json(_) => json!({ "index": 0, "function": { "arguments": piece } }),
        Arguments::Text(_) => json!({ "index": 0, "custom": { "input": piece } }),
    });
    std::iter::once(first).chain(rest).map(|call| json!({ "tool_calls": [call] })).collect()
}

/// Why the answer ends. OpenAI says `stop` for a tool that was named; loops of clients, and other
/// servers, go by `tool_calls`.
const fn finish(answer: &Answer) -> &'static str {
    if answer.call.is_some() { "tool_calls" } else { "stop" }
}

/// The chunks of a streamed answer: the role, the words, the end; then the usage if it was asked
/// for, as OpenAI sends it (and null in each chunk before it).
fn chunks(answer: &Answer, choices: u64, shown: Usage) -> Vec<Value> {
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({
            "id": id(answer),
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": MODEL,
            "choices": choices,
            "system_fingerprint": MODEL,
        });
        if shown == Usage::Shown {
            chunk["usage"] = usage.unwrap_or(Value::Null);
        }
        chunk
    };
    let delta = |index: u64, delta: Value, finish: Option<&str>| {
        let choice =
            json!({ "index": index, "delta": delta, "logprobs": null, "finish_reason": finish });
        chunk(json!([choice]), None)
    };
    let mut chunks = Vec::new();
    for index in 0..choices {
        let content = if answer.call.is_some() { Value::Null } else { json!("") };
        chunks.push(delta(index, json!({ "role": "assistant", "content": content }), None));
        chunks.extend(deltas(answer).into_iter().map(|piece| delta(index, piece, None)));
        chunks.push(delta(index, json!({}), Some(finish(answer))));
    }
    if shown == Usage::Shown {
        chunks.push(chunk(json!([]), Some(usage(answer, choices))));
    }
    chunks
}

fn id(answer: &Answer) -> String {
    format!("chatcmpl-echo-{:016x}", answer.digest)
}

fn usage(answer: &Answer, choices: u64) -> Value {
    let answered = answer.words as u64 * choices;
    json!({
        "prompt_tokens": answer.question_words,
        "completion_tokens": answered,
        "total_tokens": answer.question_words as u64 + answered,
    })
}
