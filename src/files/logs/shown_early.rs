//! The part of a possible secret that was shown before its rest came.
//!
//! A worker may stop in the middle of a line: a prompt `3 tas`, or the first half of a key. Its log
//! must not be late, so after a while the capture shows what there is. Bytes that may still become
//! a secret, or a longer one, stay in the buffer nevertheless, so that the redactor sees the whole
//! secret when the rest comes. This type remembers which of the bytes in the buffer were shown, and
//! as what, so that nothing is shown twice:
//!
//! | in the buffer | shown early | then comes | shown then |
//! |---|---|---|---|
//! | `s` (may become `sk-…`) | `s` | `o\n` | `o\n` |
//! | `sk-abcdefghijklmnop`, a whole secret that may go on | its mark | `qrst` | nothing: the same mark |
//! | the first bytes of a key, too few to matter | these bytes | the rest of the key | the mark of the key |

use crate::text::Redactor;

/// What was shown early of the first bytes of a buffer; `None` if nothing was.
#[derive(Default)]
pub(super) struct PartialSecret(Option<Box<Shown>>);

struct Shown {
    /// How many bytes at the start of the buffer; no line ends in them.
    n: usize,
    /// What was shown for them: the bytes themselves, or the mark of a secret.
    text: Vec<u8>,
}

impl PartialSecret {
    /// How many bytes at the start of the buffer were shown.
    pub(super) fn n(&self) -> usize {
        self.0.as_ref().map_or(0, |shown| shown.n)
    }

    /// Shows early what may be shown of the buffer: returns what was not shown before, or `None`
    /// if nothing may be shown.
    pub(super) fn show(&mut self, held: &[u8], redactor: &Redactor) -> Option<Vec<u8>> {
        // A secret of several lines waits: lines are counted when they are passed on for good.
        if held.is_empty() || held.contains(&b'\n') {
            return None;
        }
        let text = redactor.shown_early(held)?.into_owned();
        let rest = self.without_shown(&text).to_vec();
        self.0 = Some(Box::new(Shown { n: held.len(), text }));
        Some(rest)
    }

    /// Takes the first `n` bytes off the buffer; returns them redacted, without what was shown.
    pub(super) fn cut_off(
        &mut self,
        buffer: &mut Vec<u8>,
        n: usize,
        redactor: &Redactor,
    ) -> Vec<u8> {
        if n == 0 {
            return Vec::new();
        }
        let redacted = redactor.redact(&buffer[..n]);
        if n >= self.n() {
            let rest = self.without_shown(&redacted).to_vec();
            buffer.drain(..n);
            self.0 = None;
            return rest;
        }
        // All `n` bytes were shown, and more: the redactor has found that fewer bytes than before
        // may become a secret. If they were shown as they are, the rest of them still counts as
        // shown. A mark cannot be split, so what it stood for may be shown once more.
        let rest = self.0.take().filter(|shown| buffer.starts_with(&shown.text));
        buffer.drain(..n);
        self.0 = rest.map(|mut shown| {
            shown.text.drain(..n);
            shown.n -= n;
            shown
        });
        Vec::new()
    }

    /// The text without its beginning that was shown.
    fn without_shown<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        let shown = self.0.as_ref().map_or(&[][..], |shown| &shown.text);
        // Otherwise the bytes have become a secret, or another one, since they were shown: then the
        // whole text is shown, which begins with the mark.
        text.strip_prefix(shown).unwrap_or(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "CANARYkey0123456789abcdef";

    fn redactor() -> Redactor {
        let secrets = [("API_KEY".to_owned(), KEY.to_owned())];
        let patterns = ["sk-[A-Za-z0-9_-]{16,}".to_owned()];
        Redactor::new(&secrets, &patterns).expect("a good pattern")
    }

    /// What is shown of pieces; a worker rests after those that are so marked.
    fn shown(pieces: &[(&str, bool)]) -> String {
        let (redactor, mut partial_secret) = (redactor(), PartialSecret::default());
        let (mut buffer, mut out) = (Vec::new(), Vec::new());
        for (piece, rests) in pieces {
            buffer.extend_from_slice(piece.as_bytes());
            if *rests {
                let n = buffer.len() - redactor.held_back(&buffer);
                out.extend(partial_secret.cut_off(&mut buffer, n, &redactor));
                out.extend(partial_secret.show(&buffer, &redactor).unwrap_or_default());
            }
        }
        let n = buffer.len();
        out.extend(partial_secret.cut_off(&mut buffer, n, &redactor));
        String::from_utf8(out).expect("ASCII")
    }

    fn without_marks(text: &str) -> String {
        text.replace("[redacted API_KEY]", "").replace("[redacted pattern]", "")
    }

    #[test]
    fn what_was_shown_early_is_not_shown_again() {
        let key = "sk-abcdefghijklmnop";
        for (pieces, expected) in [
            (vec![("3 tas", true), ("k", true), ("s\n", true)], "3 tasks\n"),
            (vec![(key, true)], "[redacted pattern]"),
            (vec![(key, true), ("qrst", true), ("u\nx", false)], "[redacted pattern]\nx"),
            (
                vec![("found s", true), ("k-abcdefghijklmnop\n", true)],
                "found s[redacted pattern]\n",
            ),
            (vec![("so CANAR", true), ("Y\n", false)], "so CANARY\n"),
            (vec![("so CANAR", true), (&KEY[5..], true)], "so CANAR[redacted API_KEY]"),
            (vec![(&KEY[..8], true), ("\n", true)], "CANARYke\n"),
            (vec![("sk-", false), (KEY, true), ("\n", true)], "sk-[redacted API_KEY]\n"),
            // The second one is too long a beginning to be shown, though it stands in a whole one.
            (
                vec![("sk-", false), (KEY, false), ("sk-abcdefgh", true), ("ijklmnop", true)],
                "sk-[redacted API_KEY][redacted pattern]",
            ),
        ] {
            assert_eq!(shown(&pieces), expected, "{pieces:?}");
        }
    }

    #[test]
    fn so_much_of_a_secret_that_it_counts_as_one_is_not_shown_early() {
        let (redactor, mut partial_secret) = (redactor(), PartialSecret::default());
        assert_eq!(
            partial_secret.show(&KEY.as_bytes()[..7], &redactor).as_deref(),
            Some(&b"CANARYk"[..])
        );
        assert_eq!(partial_secret.show(&KEY.as_bytes()[..8], &redactor), None);
        assert_eq!(partial_secret.n(), 7);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_secret_gets_through(
            pieces in proptest::collection::vec(
                ("(CANARY|CA|key0123|456789abcdef|s|k-|sk-|abcdefghijklmnop|\n|x)", any::<bool>()),
                0..24,
            ),
        ) {
            let pieces: Vec<_> = pieces.iter().map(|(text, rests)| (text.as_str(), *rests)).collect();
            let text: String = pieces.iter().map(|(text, _)| *text).collect();
            let (seen, whole) = (shown(&pieces), redactor().redact_str(&text).into_owned());
            prop_assert!(!seen.contains(&KEY[7..15]) || whole.contains(&KEY[7..15]), "{}", seen);
            prop_assert!(!seen.contains(KEY), "{}", seen);
            // What a mark stood for may turn out to be less, or another secret: then both are there.
            let (plain, wanted) = (without_marks(&seen), without_marks(&whole));
            let mut rest = plain.chars();
            prop_assert!(wanted.chars().all(|c| rest.any(|r| r == c)), "{}", seen);
            let marks = |text: &str| text.matches("[redacted").count();
            prop_assert!(marks(&seen) >= marks(&whole), "{}", seen);
            prop_assert!(marks(&seen) > 0 || seen == whole, "{}", seen);
        }
    }
}
