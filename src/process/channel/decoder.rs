//! The decoder of the Node channel: takes bytes, gives messages, does no I/O.

use super::message::{Frame, Incoming};

/// The largest frame that is read, in bytes, without its newline.
pub(super) const MAX_FRAME: usize = 1 << 20;

/// What the buffer may keep while it holds nothing, in bytes: a worker at rest costs nothing.
const IDLE_CAPACITY: usize = 4 << 10;

/// Reads frames from any pieces that they arrive in.
///
/// Feed it, then take [`Decoder::next_message`] until it is `None`. Invariant: it never holds more than
/// the largest frame and what it was fed last.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where the first frame not yet taken begins.
    start: usize,
    /// How far a newline has been looked for.
    seen: usize,
    /// Whether the rest of a frame that is too large is being passed over.
    is_skipping: bool,
    skipped: u64,
    owed_answers: u64,
    heard: bool,
    /// Something understood that waits for a `Skipped` before it.
    held: Option<Incoming>,
}

impl Decoder {
    /// Takes in what has arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        let fresh = if self.is_skipping {
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                return;
            };
            self.is_skipping = false;
            bytes.get(end + 1..).unwrap_or_default()
        } else {
            bytes
        };
        self.buffer.drain(..self.start);
        self.seen -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(fresh);
    }

    /// The next message, if a whole one is there; after `None` there may be more, once more is fed.
    pub fn next_message(&mut self) -> Option<Incoming> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        let message = self.next_frame();
        if self.skipped == 0 {
            return message;
        }
        self.held = message;
        self.take_skipped()
    }

    /// The end has come: what is there without a newline was the last frame.
    pub fn finish(&mut self) {
        if self.start < self.buffer.len() {
            self.buffer.push(b'\n');
        }
    }

    /// Whether a handle was announced that is not acknowledged yet.
    pub(super) const fn owes_answers(&self) -> bool {
        self.owed_answers > 0
    }

    /// One handle was acknowledged.
    pub(super) const fn answered(&mut self) {
        self.owed_answers = self.owed_answers.saturating_sub(1);
    }

    /// Whether anything at all was understood, Node's own frames included.
    pub(super) const fn has_heard(&self) -> bool {
        self.heard
    }

    fn take_skipped(&mut self) -> Option<Incoming> {
        match std::mem::take(&mut self.skipped) {
            0 => None,
            count => Some(Incoming::Skipped(count)),
        }
    }

    /// The next frame that is a message; counts what is none.
    fn next_frame(&mut self) -> Option<Incoming> {
        loop {
            let Some(end) = memchr::memchr(b'\n', self.buffer.get(self.seen..)?) else {
                self.wait_for_more();
                return None;
            };
            let line = self.buffer.get(self.start..self.seen + end)?;
            self.start = self.seen + end + 1;
            self.seen = self.start;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let frame = if line.len() > MAX_FRAME { None } else { Frame::parse(line) };
            self.heard |= frame.is_some();
            match frame {
                None => self.skipped += 1,
                Some(Frame::Internal) => {}
                Some(Frame::Message(message)) => return Some(message),
                Some(Frame::Handle(message)) => {
                    self.owed_answers += 1;
                    if message.is_some() {
                        return message;
                    }
                }
            }
        }
    }

    /// No whole frame is left: keeps the piece of one, unless that is too large already.
    fn wait_for_more(&mut self) {
        if self.buffer.len() - self.start > MAX_FRAME {
            self.skipped += 1;
            self.is_skipping = true;
            self.start = self.buffer.len();
        }
        self.seen = self.buffer.len();
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
            self.seen = 0;
            if self.buffer.capacity() > IDLE_CAPACITY {
                self.buffer = Vec::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

    use super::*;

    /// Everything in `pieces`, with neighbouring `Skipped` added up.
    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Incoming>, u64) {
        let mut decoder = Decoder::default();
        let mut all = Vec::new();
        for piece in pieces {
            decoder.feed(piece);
            take(&mut decoder, &mut all);
        }
        decoder.finish();
        take(&mut decoder, &mut all);
        (all, decoder.owed_answers)
    }

    fn take(decoder: &mut Decoder, all: &mut Vec<Incoming>) {
        while let Some(incoming) = decoder.next_message() {
            match (all.last_mut(), &incoming) {
                (Some(Incoming::Skipped(before)), Incoming::Skipped(more)) => *before += more,
                _ => all.push(incoming),
            }
        }
    }

    fn activity(message: &str) -> Incoming {
        Incoming::Activity { message: message.to_owned() }
    }

    #[test]
    fn garbage_between_messages_is_counted_and_passed_over() {
        let bytes = b"\"ready\"\n{bad\n\xff\n\n \n[1,2\n{\"cmd\":\"NODE_X\"}\n\"on\"\nlast";
        let (all, _) = decode([&bytes[..]]);
        let expected =
            [Incoming::Ready, Incoming::Skipped(3), activity("on"), Incoming::Skipped(1)];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_frame_that_is_too_large_is_never_held() {
        let mut decoder = Decoder::default();
        let chunk = [b'x'; 64 << 10];
        for _ in 0..1024 {
            decoder.feed(&chunk);
            while decoder.next_message().is_some() {}
            assert!(decoder.buffer.capacity() <= 2 * MAX_FRAME + 2 * chunk.len());
        }
        decoder.feed(b"\n\"after\"\n");
        assert_eq!(decoder.next_message(), Some(activity("after")));
        assert_eq!(decoder.next_message(), None);
        assert!(decoder.buffer.capacity() <= IDLE_CAPACITY);
    }

    #[test]
    fn the_largest_frame_still_counts() {
        let fits = format!("\"{}\"\n", "x".repeat(MAX_FRAME - 2));
        let over = format!("\"{}\"\n\"next\"\n", "x".repeat(MAX_FRAME - 1));
        assert_eq!(decode([fits.as_bytes()]).0, [activity(&"x".repeat(MAX_FRAME - 2))]);
        assert_eq!(decode([over.as_bytes()]).0, [Incoming::Skipped(1), activity("next")]);
    }

    #[test]
    fn handles_are_owed_an_answer() {
        let frame = b"{\"cmd\":\"NODE_HANDLE\",\"msg\":\"with it\"}\n\"later\"\n";
        assert_eq!(decode([&frame[..]]), (vec![activity("with it"), activity("later")], 1));
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            Just(br#""ready""#.to_vec()),
            Just(br#"{"type":"log","message":"m"}"#.to_vec()),
            Just(br#"{"cmd":"NODE_HANDLE","msg":1}"#.to_vec()),
            Just(br#"{"cmd":"NODE_Y"}"#.to_vec()),
            Just("{\"ä\":\"\u{2028}\"}".as_bytes().to_vec()),
            proptest::collection::vec(any::<u8>(), 0..12),
        ]
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_bytes_are_split(
            lines in proptest::collection::vec(line(), 0..12),
            at in 0_usize..200,
        ) {
            let bytes = lines.join(&b'\n');
            let whole = decode([&bytes[..]]);
            assert_eq!(decode(bytes.chunks(1)), whole);
            let (head, tail) = bytes.split_at(at.min(bytes.len()));
            assert_eq!(decode([head, tail]), whole);
        }
    }
}
