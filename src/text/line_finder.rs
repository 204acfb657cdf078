//! [`LineFinder`]: finds the first line that matches, in text that comes in pieces.

use regex::bytes::Regex;

use super::lines;

/// The most bytes of one line that are looked at.
const MAX_LINE: usize = 64 * 1024;

/// Looks at the lines of one stream as they come.
#[derive(Clone, Debug, Default)]
pub struct LineFinder {
    /// The beginning of a line whose end has not come yet, [`MAX_LINE`] bytes of it at most.
    begun: Vec<u8>,
}

impl LineFinder {
    /// Takes the next bytes of the stream; returns whether a line that they complete matches.
    ///
    /// A line is matched without its end (`\n` or `\r\n`). Only the first 64 KiB of it count.
    pub fn take(&mut self, bytes: &[u8], pattern: &Regex) -> bool {
        let mut is_found = false;
        for line in lines(bytes) {
            if line.end.is_empty() {
                self.keep(line.text);
            } else if self.begun.is_empty() {
                is_found |= pattern.is_match(first_of(line.text));
            } else {
                self.keep(line.text);
                // The newline may come in another piece than the carriage return before it.
                if line.text.is_empty() && line.end == b"\n" && self.begun.ends_with(b"\r") {
                    self.begun.pop();
                }
                is_found |= pattern.is_match(&self.begun);
                self.begun.clear();
            }
        }
        is_found
    }

    /// Whether the line whose end has not come yet matches, as far as it has come.
    #[must_use]
    pub fn unfinished(&self, pattern: &Regex) -> bool {
        // This carriage return may be a part of the end that is to come.
        let line = self.begun.strip_suffix(b"\r").unwrap_or(&self.begun);
        !line.is_empty() && pattern.is_match(line)
    }

    fn keep(&mut self, text: &[u8]) {
        let room = MAX_LINE - self.begun.len();
        self.begun.extend_from_slice(&text[..text.len().min(room)]);
    }
}

fn first_of(line: &[u8]) -> &[u8] {
    &line[..line.len().min(MAX_LINE)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn regex(pattern: &str) -> Regex {
        Regex::new(pattern).expect("a good pattern")
    }

    #[test]
    fn whole_lines_match_however_they_are_cut() {
        let pattern = regex("^ready on [0-9]+$");
        for (pieces, found) in [
            (&["ready on 80\n"][..], true),
            (&["not ready on 80\n"], false),
            (&["rea", "dy on 8", "0", "\n"], true),
            (&["ready on 80\r\n"], true),
            (&["ready on 80\r", "\n"], true),
            (&["ready on 80"], false),
            (&["ready on 80", " tries\n"], false),
            (&["x\nready on 80\ny"], true),
            (&["caf\u{e9}\n", "ready on 80\n"], true),
        ] {
            let mut finder = LineFinder::default();
            let seen = pieces.iter().any(|piece| finder.take(piece.as_bytes(), &pattern));
            assert_eq!(seen, found, "{pieces:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_hide_nothing() {
        assert!(LineFinder::default().take(b"\xff\xfe up\n", &regex("up$")));
    }

    #[test]
    fn a_line_without_end_matches_as_far_as_it_came() {
        let pattern = regex("ready$");
        let mut finder = LineFinder::default();
        assert!(!finder.take(b"ready", &pattern));
        assert!(finder.unfinished(&pattern));
        assert!(!finder.take(b" soon", &pattern));
        assert!(!finder.unfinished(&pattern));
        assert!(!LineFinder::default().unfinished(&regex("")), "no line is not an empty one");
    }

    #[test]
    fn a_line_of_any_length_is_kept_within_bounds() {
        let mut finder = LineFinder::default();
        let pattern = regex("^x*$");
        for _ in 0..9 {
            assert!(!finder.take(&[b'x'; 16 * 1024], &pattern));
        }
        assert_eq!(finder.begun.len(), MAX_LINE);
        assert!(finder.take(b"end\n", &pattern), "its first 64 KiB match");
        assert!(finder.begun.is_empty());
    }

    proptest! {
        #[test]
        fn pieces_find_what_the_whole_does(text in "[ab\r\n]{0,40}", cuts in proptest::collection::vec(0_usize..6, 0..40)) {
            let pattern = regex("^ab$");
            let whole = LineFinder::default().take(text.as_bytes(), &pattern);
            let (mut rest, mut finder, mut found) = (text.as_bytes(), LineFinder::default(), false);
            for cut in cuts.into_iter().chain([text.len()]) {
                let (piece, left) = rest.split_at(cut.min(rest.len()));
                found |= finder.take(piece, &pattern);
                rest = left;
            }
            prop_assert_eq!(found, whole);
        }
    }
}
