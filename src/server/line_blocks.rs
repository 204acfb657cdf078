//! The JSON of `GET /workers/logs/ID`, made in blocks as it is read.

use crate::{
    domain::Stamp,
    files::logs::{LogLine, Tail},
};

use super::wire::Line;

/// Bytes of a block, about: it ends with the line that reaches them.
const BLOCK: usize = 16 << 10;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineFormat {
    /// As the session log has it.
    Text,
    /// With its stream and run.
    Json,
}

/// `{"workerId","logs","timestamp"}` in blocks.
pub(super) struct LineBlocks {
    tail: Tail,
    format: LineFormat,
    block: Vec<u8>,
    n_lines: u64,
    is_done: bool,
}

impl LineBlocks {
    /// The lines of the worker, or of what else has this name.
    pub(super) fn new(name: &str, tail: Tail, format: LineFormat) -> Self {
        let name = serde_json::Value::from(name);
        let block = format!(r#"{{"workerId":{name},"logs":["#).into_bytes();
        Self { tail, format, block, n_lines: 0, is_done: false }
    }

    /// Whether the last block was taken.
    pub(super) const fn is_done(&self) -> bool {
        self.is_done
    }

    fn push(&mut self, line: &LogLine) {
        if self.n_lines > 0 {
            self.block.push(b',');
        }
        self.n_lines += 1;
        let written = match self.format {
            LineFormat::Text => serde_json::to_writer(&mut self.block, &line.to_string()),
            LineFormat::Json => serde_json::to_writer(&mut self.block, &Line::new(line)),
        };
        written.expect("a line is JSON");
    }

    fn end(&mut self) {
        self.block.extend_from_slice(br#"],"timestamp":"#);
        serde_json::to_writer(&mut self.block, &Stamp::now()).expect("a stamp is JSON");
        self.block.push(b'}');
        self.is_done = true;
    }
}

impl Iterator for LineBlocks {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.is_done {
            return None;
        }
        while self.block.len() < BLOCK && !self.is_done {
            match self.tail.next() {
                Some(line) => self.push(&line),
                None => self.end(),
            }
        }
        Some(std::mem::take(&mut self.block))
    }
}
