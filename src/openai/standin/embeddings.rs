//! `POST /v1/embeddings`: unit vectors made from a digest of each text.
//!
//! Equal texts have equal vectors. Likeness of meaning is not there.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::stream;
use serde_json::{Map, Value, json};

use super::{body, identity::MODEL, question::Digest, refusal::Refusal};

/// Length of a vector where none is asked for: that of `text-embedding-3-small`.
const DIMENSIONS: u64 = 1536;

/// The longest vector: that of `text-embedding-3-large`, with room.
const MAX_DIMENSIONS: u64 = 4096;

/// Texts in one request: OpenAI's own limit.
const MAX_INPUTS: usize = 2048;

/// Answers a request for embeddings.
pub(super) async fn embed(body: Body) -> Result<Response, Refusal> {
    let body = body::read(body).await?;
    let inputs = inputs(&body)?;
    let dimensions = dimensions(&body)?;
    let encoding = Encoding::of(&body)?;
    let words: usize = inputs.iter().map(|input| input.words).sum();
    let usage = json!({ "prompt_tokens": words, "total_tokens": words });
    let vectors = inputs.into_iter().enumerate().map(move |(index, input)| {
        let comma = if index == 0 { "" } else { "," };
        let vector = encoding.encode(&vector(input.digest, dimensions));
        format!(r#"{comma}{{"object":"embedding","index":{index},"embedding":{vector}}}"#)
    });
    // Each vector is made when there is room to send it: all of them together may be large.
    let frames = std::iter::once(r#"{"object":"list","data":["#.to_owned())
        .chain(vectors)
        .chain([format!(r#"],"model":"{MODEL}","usage":{usage}}}"#)])
        .map(|frame| Ok::<_, Infallible>(Bytes::from(frame)));
    let content_type = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, content_type)], Body::from_stream(stream::iter(frames)))
        .into_response())
}

/// One text, or list of tokens, to be embedded.
struct Input {
    digest: u64,
    words: usize,
}

impl Input {
    /// `None` if the value is neither a text nor a list of tokens.
    fn of(value: &Value) -> Option<Self> {
        let mut digest = Digest::default();
        let words = match value {
            Value::String(text) => {
                digest.add(text.as_bytes());
                text.split_whitespace().count()
            }
            Value::Array(tokens) if !tokens.is_empty() => {
                for token in tokens {
                    digest.add(&token.as_u64()?.to_le_bytes());
                }
                tokens.len()
            }
            _ => return None,
        };
        Some(Self { digest: digest.value(), words })
    }
}

/// How a vector is written.
#[derive(Clone, Copy)]
enum Encoding {
    Float,
    Base64,
}

impl Encoding {
    fn of(body: &Map<String, Value>) -> Result<Self, Refusal> {
        match body.get("encoding_format") {
            None | Some(Value::Null) => Ok(Self::Float),
            Some(Value::String(name)) if name == "float" => Ok(Self::Float),
            Some(Value::String(name)) if name == "base64" => Ok(Self::Base64),
            Some(_) => Err(Refusal::Invalid {
                parameter: "encoding_format",
                expected: "`float` or `base64`",
            }),
        }
    }

    fn encode(self, vector: &[f32]) -> Value {
        match self {
            Self::Float => json!(vector),
            Self::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|n| n.to_le_bytes()).collect();
                Value::String(STANDARD.encode(bytes))
            }
        }
    }
}

fn inputs(body: &Map<String, Value>) -> Result<Vec<Input>, Refusal> {
    let inputs = match body.get("input").ok_or(Refusal::Missing("input"))? {
        // A list of numbers is one text in tokens.
        Value::Array(items) if !items.first().is_some_and(Value::is_number) => {
            items.iter().map(Input::of).collect()
        }
        one => Input::of(one).map(|input| vec![input]),
    };
    inputs.filter(|inputs| (1..=MAX_INPUTS).contains(&inputs.len())).ok_or(Refusal::Invalid {
        parameter: "input",
        expected: "a text, a list of tokens, or a list of 1 to 2048 of these",
    })
}

fn dimensions(body: &Map<String, Value>) -> Result<usize, Refusal> {
    let wanted = match body.get("dimensions") {
        None | Some(Value::Null) => Some(DIMENSIONS),
        Some(wanted) => wanted.as_u64(),
    };
    wanted
        .filter(|wanted| (1..=MAX_DIMENSIONS).contains(wanted))
        .and_then(|wanted| usize::try_from(wanted).ok())
        .ok_or(Refusal::Invalid { parameter: "dimensions", expected: "a number from 1 to 4096" })
}

/// A vector of length 1, drawn by `SplitMix64` from this seed.
fn vector(seed: u64, dimensions: usize) -> Vec<f32> {
    let mut state = seed;
    let mut vector: Vec<f32> = (0..dimensions)
        .map(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            // The upper 24 bits fill an f32's mantissa; half a step keeps it off zero.
            ((z ^ (z >> 31)) >> 40) as f32 / 8_388_608.0 - 1.0 + 1.0 / 16_777_216.0
        })
        .collect();
    let length = vector.iter().map(|n| n * n).sum::<f32>().sqrt();
    for number in &mut vector {
        *number /= length;
    }
    vector
}
