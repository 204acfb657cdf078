//! Formats lines for the session log: `[TIME] [ID] text`, or one JSON object a line.

use std::io::Write;

use crate::{
    config::{LogFormat, LogKind},
    domain::{RunId, WorkerId},
    text::{lines, push_json, push_shown},
};

use super::{
    chunk::Chunk,
    line::{ARCANOS, Stream},
};

/// Appends the chunk's lines, each with its end.
pub(super) fn push_chunk(out: &mut Vec<u8>, chunk: &Chunk, format: LogFormat, max_line: usize) {
    let head = match format {
        LogFormat::Text => text_head(chunk),
        LogFormat::Json => json_head(chunk),
    };
    let mut offset = 0;
    for line in lines(&chunk.text) {
        let budget = chunk.budget(offset, max_line);
        out.extend_from_slice(&head);
        match format {
            LogFormat::Text => push_shown(out, line.text, budget),
            LogFormat::Json => {
                push_json(out, line.text, budget);
                out.push(b'}');
            }
        }
        out.push(b'\n');
        offset += line.text.len() + line.end.len();
    }
}

fn text_head(chunk: &Chunk) -> Vec<u8> {
    format!("[{}] [{}] ", chunk.at, label(chunk)).into_bytes()
}

fn json_head(chunk: &Chunk) -> Vec<u8> {
    let kind = match chunk.stream.kind() {
        LogKind::Lifecycle => "lifecycle",
        LogKind::Activity => "activity",
        LogKind::Output => "output",
    };
    let stream = match chunk.stream {
        Stream::Stdout | Stream::Stderr => Some(chunk.stream.as_str()),
        Stream::Activity | Stream::Lifecycle => None,
    };
    // Ids of workers and runs and the names of streams need no escaping.
    let quoted =
        |text: Option<&str>| text.map_or_else(|| "null".to_owned(), |text| format!("\"{text}\""));
    let (at, worker) = (chunk.at, label(chunk));
    let (stream, run) = (quoted(stream), quoted(chunk.run.as_ref().map(RunId::as_str)));
    let mut head = Vec::with_capacity(160);
    write!(
        head,
        r#"{{"ts":"{at}","worker":"{worker}","kind":"{kind}","stream":{stream},"run":{run},"message":"#
    )
    .expect("a vector takes every byte");
    head
}

fn label(chunk: &Chunk) -> &str {
    chunk.worker.as_ref().map_or(ARCANOS, WorkerId::as_str)
}
