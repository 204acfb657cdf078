//! Splits bytes into lines.
//!
//! The input is bounded by whoever read it, so a line is no longer than one buffer. Nothing is
//! decoded: a line is bytes until it is shown.

use memchr::memchr;

/// The lines of some bytes, in order; what follows the last newline is a line too.
#[must_use]
pub fn lines(bytes: &[u8]) -> Lines<'_> {
    Lines { rest: bytes }
}

/// Iterator of [`lines()`].
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
}

/// One line.
///
/// Invariant: `text` followed by `end` is what was in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The line without its end.
    pub text: &'a [u8],
    /// `\n`, `\r\n`, or nothing if the input ended before the line did.
    pub end: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(at) = memchr(b'\n', self.rest) else {
            let text = std::mem::take(&mut self.rest);
            return Some(Line { text, end: &[] });
        };
        let (line, rest) = self.rest.split_at(at + 1);
        self.rest = rest;
        let (text, end) =
            if line.ends_with(b"\r\n") { line.split_at(at - 1) } else { line.split_at(at) };
        Some(Line { text, end })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_end_at_newlines_and_lose_their_carriage_return() {
        let table: [(&[u8], &[&[u8]]); 7] = [
            (b"", &[]),
            (b"a", &[b"a"]),
            (b"a\n", &[b"a"]),
            (b"a\r\nb", &[b"a", b"b"]),
            (b"\n\r\n", &[b"", b""]),
            (b"a\rb\n", &[b"a\rb"]),
            (b"a\r", &[b"a\r"]),
        ];
        for (input, expected) in table {
            let seen: Vec<&[u8]> = lines(input).map(|line| line.text).collect();
            assert_eq!(seen, expected, "{input:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_added(input in "[ab\r\n]{0,64}") {
            let joined: Vec<u8> =
                lines(input.as_bytes()).flat_map(|l| [l.text, l.end].concat()).collect();
            prop_assert_eq!(joined, input.as_bytes());
            prop_assert!(lines(input.as_bytes()).all(|l| memchr(b'\n', l.text).is_none()));
        }
    }
}
