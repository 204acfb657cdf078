//! Escapes control characters, so that text stays one line and moves no cursor.
//!
//! Control characters (but for the tab), line and paragraph separators, and the characters that
//! turn the direction of text are written out as `\n`, `\x1b` or `\u{202e}`; bytes that
//! are not UTF-8 become U+FFFD. A backslash stays as it is, so text that was escaped once is not
//! changed by escaping it again.

use std::{borrow::Cow, io::Write};

/// Whether every byte is a printable ASCII character or a tab, so that nothing needs escaping.
#[must_use]
pub fn is_clean(text: &[u8]) -> bool {
    // Without an early exit the compiler makes vector code of this; a block at a time bounds
    // what is looked at in vain.
    text.chunks(256).all(|block| {
        !block.iter().fold(false, |bad, b| bad | ((*b < 0x20) & (*b != b'\t')) | (*b >= 0x7f))
    })
}

/// The text with everything dangerous written out. Copies nothing if it is clean ASCII.
#[must_use]
pub fn escape(text: &[u8]) -> Cow<'_, str> {
    if is_clean(text) {
        return String::from_utf8_lossy(text);
    }
    let mut out = Vec::with_capacity(text.len() + 16);
    push_escaped(&mut out, text);
    Cow::Owned(into_string(out))
}

/// Appends a line as it is shown: its first `max` bytes escaped, and a mark if that is not all.
///
/// The cut falls between two characters. The mark says how many bytes are missing.
pub fn push_shown(out: &mut Vec<u8>, line: &[u8], max: usize) {
    let head = head(line, max);
    if is_clean(head) {
        out.extend_from_slice(head);
    } else {
        push_escaped(out, head);
    }
    push_mark(out, line.len() - head.len());
}

/// As [`push_shown`], on its own.
#[must_use]
pub fn shown(line: &[u8], max: usize) -> String {
    let mut out = Vec::with_capacity(line.len().min(max) + 32);
    push_shown(&mut out, line, max);
    into_string(out)
}

/// As [`shown`], with `max` as the bound of the escaped text too.
///
/// For texts that are kept: a line of control characters is four times as long once it is escaped.
#[must_use]
pub fn fitted(line: &[u8], max: usize) -> String {
    let begin = head(line, max);
    let escaped = escape(begin);
    let kept = head(escaped.as_bytes(), max);
    let mut out = with_room_for_mark(kept);
    push_mark(&mut out, line.len() - begin.len() + escaped.len() - kept.len());
    into_string(out)
}

/// The text as it is, cut between two characters to at most `max` bytes and a mark.
#[must_use]
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    let kept = head(text.as_bytes(), max);
    if kept.len() == text.len() {
        return Cow::Borrowed(text);
    }
    let mut out = with_room_for_mark(kept);
    push_mark(&mut out, text.len() - kept.len());
    Cow::Owned(into_string(out))
}

/// Appends a line as a JSON string, quotes included, cut as by [`push_shown`].
///
/// Control characters are written in JSON's own form, so a reader gets the line as it was.
pub fn push_json(out: &mut Vec<u8>, line: &[u8], max: usize) {
    let head = head(line, max);
    out.push(b'"');
    push_with(
        out,
        head,
        |c| c == '"' || c == '\\' || is_dangerous(c) || c == '\t',
        |out, c| match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            c => push_format(out, format_args!("\\u{:04x}", u32::from(c))),
        },
    );
    push_mark(out, line.len() - head.len());
    out.push(b'"');
}

fn with_room_for_mark(kept: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(kept.len() + 32);
    out.extend_from_slice(kept);
    out
}

fn push_mark(out: &mut Vec<u8>, missing: usize) {
    if missing > 0 {
        push_format(out, format_args!("… [cut, {missing} bytes]"));
    }
}

/// The longest beginning of the line of at most `max` bytes that tears no character.
fn head(line: &[u8], max: usize) -> &[u8] {
    if line.len() <= max {
        return line;
    }
    let is_inner = |at: usize| line[at] & 0b1100_0000 == 0b1000_0000;
    let mut at = max;
    // A character has at most three inner bytes; more of them are not UTF-8 anyway.
    while at > max.saturating_sub(3) && is_inner(at) {
        at -= 1;
    }
    &line[..if is_inner(at) { max } else { at }]
}

fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    push_with(out, text, is_dangerous, |out, c| match c {
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\0'..='\x7f' => push_format(out, format_args!("\\x{:02x}", u32::from(c))),
        c => push_format(out, format_args!("\\u{{{:x}}}", u32::from(c))),
    });
}

/// Copies the text, with `write` for each character that is `special`.
fn push_with(
    out: &mut Vec<u8>,
    text: &[u8],
    special: impl Fn(char) -> bool,
    write: impl Fn(&mut Vec<u8>, char),
) {
    for chunk in text.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| special(*c)) {
            out.extend_from_slice(&rest.as_bytes()[..at]);
            write(out, c);
            rest = &rest[at + c.len_utf8()..];
        }
        out.extend_from_slice(rest.as_bytes());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

fn is_dangerous(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn push_format(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes every byte");
}

fn into_string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("only whole characters were pushed")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_moves_a_cursor_or_forges_a_line_is_written_out() {
        for (input, expected) in [
            (&b"plain \ttext"[..], "plain \ttext"),
            (b"", ""),
            (b"a\nb\rc", "a\\nb\\rc"),
            (b"\x1b[2J\x00\x07\x7f", "\\x1b[2J\\x00\\x07\\x7f"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("\u{202e}evil\u{2066}".as_bytes(), "\\u{202e}evil\\u{2066}"),
            ("a\u{2028}b\u{2029}c".as_bytes(), "a\\u{2028}b\\u{2029}c"),
            ("grün ✅".as_bytes(), "grün ✅"),
            (b"\x88\xff ok \xe2\x9c", "\u{fffd}\u{fffd} ok \u{fffd}"),
            (b"\\n stays", "\\n stays"),
        ] {
            assert_eq!(escape(input), expected, "{input:?}");
        }
    }

    #[test]
    fn clean_text_is_not_copied() {
        assert!(matches!(escape(&[b'x'; 1000]), Cow::Borrowed(_)));
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_says_so() {
        for (line, max, expected) in [
            ("abcdef", 6, "abcdef"),
            ("abcdef", 4, "abcd… [cut, 2 bytes]"),
            ("ab€cd", 3, "ab… [cut, 5 bytes]"),
            ("ab€cd", 5, "ab€… [cut, 2 bytes]"),
            ("😀😀", 7, "😀… [cut, 4 bytes]"),
            ("abc", 0, "… [cut, 3 bytes]"),
            ("a\nb", 2, "a\\n… [cut, 1 bytes]"),
        ] {
            assert_eq!(shown(line.as_bytes(), max), expected, "{line} at {max}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded_after_escapes_too() {
        for (line, max, expected) in [
            ("abcd", 4, "abcd"),
            ("abcdef", 4, "abcd… [cut, 2 bytes]"),
            ("\x01\x01ab", 4, "\\x01… [cut, 6 bytes]"),
            ("ab€cd", 4, "ab… [cut, 5 bytes]"),
        ] {
            assert_eq!(fitted(line.as_bytes(), max), expected, "{line:?} at {max}");
        }
        assert_eq!(cut("a\nb", 3), "a\nb");
        assert_eq!(cut("a\n€", 4), "a\n… [cut, 3 bytes]");
    }

    proptest! {
        #[test]
        fn a_shown_line_holds_no_control_character(line: Vec<u8>, max in 0..80usize) {
            let text = shown(&line, max);
            prop_assert!(!text.chars().any(is_dangerous), "{text:?}");
            prop_assert_eq!(escape(text.as_bytes()), text.as_str());
        }

        #[test]
        fn json_gives_the_line_back(line: Vec<u8>) {
            let mut out = Vec::new();
            push_json(&mut out, &line, usize::MAX);
            prop_assert!(!String::from_utf8_lossy(&out).chars().any(is_dangerous));
            let text: String = serde_json::from_slice(&out).expect("a JSON string");
            prop_assert_eq!(text, String::from_utf8_lossy(&line));
        }
    }
}
