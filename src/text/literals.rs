//! Finds the encoded forms of all secret values in text.
//!
//! A form is looked for by its first bytes, with vector instructions, a few dozen such heads at
//! once; only where a head stands the whole form is compared. An automaton of whole forms reads
//! ordinary text ten times more slowly, and takes a megabyte for a few long secrets.

use std::cmp::Reverse;

use aho_corasick::{AhoCorasick, Input, Span, packed};

use super::{encodings::encodings, redact_error::RedactError};

/// Bytes of a form that are looked for first: as many as the vector search compares by itself.
const HEAD: usize = 4;

/// Heads that are looked for at once; with more the vector search sees too many that are none.
const HEADS: usize = 32;

/// The forms of all secret values.
pub(super) struct Literals {
    sets: Vec<PrefixSet>,
    forms: Vec<Form>,
    /// Bytes of the longest form.
    longest: usize,
    /// Whether one of them goes over more than one line.
    pub(super) has_lines: bool,
}

struct Form {
    bytes: Vec<u8>,
    /// What stands in its place.
    mark: Vec<u8>,
}

/// Some of the heads.
struct PrefixSet {
    search: Search,
    /// For each head, which forms begin with it, long ones first.
    forms: Vec<Vec<usize>>,
}

enum Search {
    Vector(packed::Searcher),
    /// Where the processor has no such instructions.
    Plain(AhoCorasick),
}

/// A form in the text.
#[derive(Clone, Copy)]
struct Found {
    start: usize,
    end: usize,
    form: usize,
}

impl Literals {
    /// All forms of these values, each with its name; `None` if there are none.
    pub(super) fn new(secrets: &[(String, String)]) -> Result<Option<Self>, RedactError> {
        let mut all: Vec<Form> = Vec::new();
        for (name, value) in secrets {
            for bytes in encodings(value) {
                if all.iter().all(|known| known.bytes != bytes) {
                    all.push(Form { bytes, mark: format!("[redacted {name}]").into_bytes() });
                }
            }
        }
        let longest = all.iter().map(|form| form.bytes.len()).max();
        let Some(longest) = longest else { return Ok(None) };
        let has_lines = all.iter().any(|form| form.bytes.contains(&b'\n'));
        let sets = heads(&all).chunks(HEADS).map(PrefixSet::new).collect::<Result<_, _>>()?;
        Ok(Some(Self { sets, forms: all, longest, has_lines }))
    }

    /// The text with marks in the places of forms; `None` if there are none in it.
    pub(super) fn replace(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut matches = self.finds(text).peekable();
        matches.peek()?;
        let mut out = Vec::with_capacity(text.len());
        let mut copied = 0;
        for found in matches {
            out.extend_from_slice(&text[copied..found.start]);
            out.extend_from_slice(&self.forms[found.form].mark);
            copied = found.end;
        }
        out.extend_from_slice(&text[copied..]);
        Some(out)
    }

    /// Where forms begin and end in the text. Of two that overlap it is the first one, of two that
    /// begin at one place the longer one.
    pub(super) fn places<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = (usize, usize)> {
        self.finds(text).map(|found| (found.start, found.end))
    }

    /// Where the longest end of the text begins that is the beginning of a form.
    pub(super) fn open_start(&self, text: &[u8]) -> usize {
        let is_open = |at: &usize| {
            let end = &text[*at..];
            self.forms.iter().any(|f| f.bytes.len() > end.len() && f.bytes.starts_with(end))
        };
        let first = text.len().saturating_sub(self.longest - 1);
        (first..text.len()).find(is_open).unwrap_or(text.len())
    }

    fn finds<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Found> {
        // The next one of each set, so that no set goes through the text twice.
        let mut next: Vec<Option<Found>> =
            self.sets.iter().map(|set| set.find(&self.forms, text, 0)).collect();
        std::iter::from_fn(move || {
            let first = next.iter().flatten().min_by_key(|f| (f.start, Reverse(f.end))).copied()?;
            for (set, next) in self.sets.iter().zip(&mut next) {
                if next.is_some_and(|next| next.start < first.end) {
                    *next = set.find(&self.forms, text, first.end);
                }
            }
            Some(first)
        })
    }
}

/// The heads of the forms, each with the forms that begin so.
fn heads(all: &[Form]) -> Vec<(&[u8], Vec<usize>)> {
    let mut heads: Vec<(&[u8], Vec<usize>)> = Vec::new();
    for (index, form) in all.iter().enumerate() {
        let head = &form.bytes[..HEAD];
        match heads.iter_mut().find(|(known, _)| *known == head) {
            Some((_, indexes)) => indexes.push(index),
            None => heads.push((head, vec![index])),
        }
    }
    for (_, indexes) in &mut heads {
        indexes.sort_by_key(|index| Reverse(all[*index].bytes.len()));
    }
    heads
}

impl PrefixSet {
    fn new(heads: &[(&[u8], Vec<usize>)]) -> Result<Self, RedactError> {
        let words = || heads.iter().map(|(head, _)| head);
        let vector = packed::Config::new().builder().extend(words()).build();
        let search = match vector {
            Some(searcher) => Search::Vector(searcher),
            None => {
                let automaton = AhoCorasick::new(words());
                Search::Plain(automaton.map_err(|e| RedactError::Secrets(e.to_string()))?)
            }
        };
        let forms = heads.iter().map(|(_, forms)| forms.clone()).collect();
        Ok(Self { search, forms })
    }

    /// The first form at `from` or behind it.
    fn find(&self, all: &[Form], text: &[u8], mut from: usize) -> Option<Found> {
        loop {
            let (start, head) = self.search.find(text, from)?;
            let rest = &text[start..];
            let form = self.forms[head].iter().find(|form| rest.starts_with(&all[**form].bytes));
            if let Some(&form) = form {
                return Some(Found { start, end: start + all[form].bytes.len(), form });
            }
            from = start + 1;
        }
    }
}

impl Search {
    /// Where the first head stands, and which.
    fn find(&self, text: &[u8], from: usize) -> Option<(usize, usize)> {
        let span = Span { start: from, end: text.len() };
        let found = match self {
            Self::Vector(searcher) => searcher.find_in(text, span),
            Self::Plain(automaton) => automaton.find(Input::new(text).span(span)),
        }?;
        Some((found.start(), found.pattern().as_usize()))
    }
}

#[cfg(test)]
mod tests {
    use aho_corasick::MatchKind;
    use proptest::prelude::*;

    use super::*;

    /// What an automaton of whole forms finds.
    fn expected(literals: &Literals, text: &[u8]) -> Vec<(usize, usize)> {
        let forms = literals.forms.iter().map(|form| &form.bytes);
        let automaton =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(forms).unwrap();
        automaton.find_iter(text).map(|m| (m.start(), m.end())).collect()
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_an_automaton_of_all_forms_finds(
            secrets in proptest::collection::vec("[abc]{8,12}", 1..12),
            text in "[abc]{0,400}",
            place in 0_usize..400,
        ) {
            let named: Vec<_> = secrets.iter().map(|s| ("K".to_owned(), s.clone())).collect();
            let literals = Literals::new(&named).unwrap().unwrap();
            let mut text = text.into_bytes();
            let at = place.min(text.len());
            text.splice(at..at, secrets[0].bytes());
            let found: Vec<_> = literals.places(&text).collect();
            prop_assert_eq!(found, expected(&literals, &text));
        }
    }

    #[test]
    fn many_secrets_are_all_found() {
        let secrets: Vec<(String, String)> =
            (0..40).map(|n| (format!("KEY_{n}"), format!("{n}-s3cret-{n}-value"))).collect();
        let literals = Literals::new(&secrets).unwrap().unwrap();
        assert!(literals.sets.len() > 1);
        let text: String = secrets.iter().rev().map(|(_, value)| format!("<{value}>")).collect();
        let redacted = literals.replace(text.as_bytes()).unwrap();
        let redacted = String::from_utf8(redacted).unwrap();
        for (name, value) in &secrets {
            assert!(
                redacted.contains(&format!("<[redacted {name}]>")) && !redacted.contains(value)
            );
        }
    }
}
