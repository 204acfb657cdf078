//! The redactor: replaces secrets in text.
//!
//! The values of secret variables, in the encodings of [`encodings`](super::encodings), become
//! `[redacted NAME]`; what matches a pattern becomes `[redacted pattern]`. A secret that is
//! broken up, reversed, hashed or partly masked passes: this protects against honest mistakes.

use std::{borrow::Cow, fmt};

use regex::bytes::{Regex, RegexBuilder};

use super::{
    encodings::SHORTEST, literals::Literals, open_end::OpenEnd, redact_error::RedactError,
};

/// Bytes that one compiled pattern may take.
const COMPILED: usize = 1024 * 1024;

/// Bytes that the lazily built states of one pattern may take, per thread that meets a match.
const CACHE: usize = 256 * 1024;

/// What a match of a pattern becomes.
const PATTERN_MARK: &[u8] = b"[redacted pattern]";

/// Replaces secrets. Costs one fast look at the text if there is none in it.
///
/// Shared behind an `Arc` and replaced as a whole when the config changes.
#[derive(Default)]
pub struct Redactor {
    literals: Option<Literals>,
    patterns: Option<Patterns>,
}

impl Redactor {
    /// A redactor of these values, each with its name, and of what matches these patterns.
    ///
    /// Values that are not [worth hiding](super::is_worth_hiding) are not looked for. `^` and `$` in patterns mean the ends of
    /// a line; classes such as `\w` mean ASCII where the pattern allows it.
    ///
    /// # Errors
    /// If a pattern does not compile, or all of it is too large.
    pub fn new(secrets: &[(String, String)], patterns: &[String]) -> Result<Self, RedactError> {
        Ok(Self { literals: Literals::new(secrets)?, patterns: Patterns::new(patterns)? })
    }

    /// The text without secrets; the text itself if there are none in it.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut text = Cow::Borrowed(text);
        if let Some(literals) = &self.literals
            && let Some(changed) = literals.replace(&text)
        {
            text = Cow::Owned(changed);
        }
        for pattern in self.patterns.iter().flat_map(|p| &p.each) {
            if let Cow::Owned(changed) =
                pattern.replace_all(&text, regex::bytes::NoExpand(PATTERN_MARK))
            {
                text = Cow::Owned(changed);
            }
        }
        text
    }

    /// As [`Redactor::redact`], for text that is known to be UTF-8.
    #[must_use]
    pub fn redact_str<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redact(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // A pattern of bytes may have torn a character.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// How many bytes at the end of unfinished text must wait for what follows them.
    ///
    /// They may be the beginning of a secret or of a match, or belong to one that may still get
    /// longer. What stands before them can be redacted and shown on its own.
    ///
    /// A worker writes `token=CANARYke`, and `y0123` only with its next write. Neither piece holds
    /// the secret `CANARYkey0123`, so redacting each alone would show it in two halves. Here the
    /// 8 bytes of `CANARYke` are held back until the rest has come, or shows that it was none.
    #[must_use]
    pub fn held_back(&self, text: &[u8]) -> usize {
        let mut start = text.len();
        // The text ends with the beginning of a secret: `… CANARYke`.
        if let Some(literals) = &self.literals {
            start = start.min(literals.open_start(text));
        }
        // The text ends with what may become, or lengthen, a match: `sk-[a-z]{16,}` and `… sk-ab`.
        if let Some(patterns) = &self.patterns {
            start = start.min(patterns.open_start(text));
        }
        // With the secrets `abcd-WXYZ` and `WXYZ-12345`, the text `abcd-WXYZ` is a whole secret and
        // its end may begin another one. Cut before `WXYZ`, the first part `abcd-` would match
        // nothing and be shown. So the whole match waits; moving the cut may tear an earlier one.
        while let Some(earlier) = self.torn_by(text, start) {
            start = earlier;
        }
        text.len() - start
    }

    /// As [`Redactor::held_back`], for text that ends with a line: only a secret of several
    /// lines can still be open then.
    #[must_use]
    pub fn held_back_after_line(&self, text: &[u8]) -> usize {
        if self.literals.as_ref().is_some_and(|l| l.has_lines) { self.held_back(text) } else { 0 }
    }

    /// What may be shown of text that is held back, if what follows it does not come soon: a prompt
    /// such as `Password for s` must not wait for ever for a possible `sk-…`.
    ///
    /// A whole secret that may still get longer is shown as its mark. The beginning of one is
    /// shown as long as it is shorter than what counts as a secret. Else nothing is.
    #[must_use]
    pub fn shown_early<'a>(&self, held: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let is_whole = |(start, end): (usize, usize)| start == 0 && end == held.len();
        let mut literals = self.literals.iter().flat_map(|l| l.places(held));
        let mut patterns = self.patterns.iter().flat_map(|p| &p.each);
        let is_secret = literals.any(is_whole)
            || patterns.any(|p| p.find_iter(held).any(|m| is_whole((m.start(), m.end()))));
        let redacted = self.redact(held);
        let is_plain = matches!(redacted, Cow::Borrowed(_));
        // What is left of it beside marks may be the beginning of another one.
        let is_harmless = (is_secret || is_plain) && self.held_back(&redacted) < SHORTEST;
        is_harmless.then_some(redacted)
    }

    /// Where a match begins that has bytes on both sides of `at`.
    fn torn_by(&self, text: &[u8], at: usize) -> Option<usize> {
        let torn = |(start, end): (usize, usize)| (start < at && at < end).then_some(start);
        let literals = self.literals.iter().flat_map(|l| l.places(text));
        let patterns = self.patterns.iter().flat_map(|p| &p.each).flat_map(|p| p.find_iter(text));
        literals.chain(patterns.map(|m| (m.start(), m.end()))).find_map(torn)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// The patterns.
struct Patterns {
    each: Vec<Regex>,
    /// `None` if unfinished matches cannot be recognized.
    open: Option<OpenEnd>,
}

impl Patterns {
    fn new(patterns: &[String]) -> Result<Option<Self>, RedactError> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let (mut each, mut sources) = (Vec::new(), Vec::new());
        for (index, pattern) in patterns.iter().enumerate() {
            // Over bytes the automata are small and fast; what needs Unicode gets it.
            let of_bytes = format!("(?-u){pattern}");
            let (regex, source) = match compile(&of_bytes) {
                Ok(regex) => (regex, of_bytes),
                Err(_) => {
                    (compile(pattern).map_err(|e| pattern_error(index, &e))?, pattern.clone())
                }
            };
            each.push(regex);
            sources.push(source);
        }
        let open = OpenEnd::new(&sources);
        Ok(Some(Self { each, open }))
    }

    fn open_start(&self, text: &[u8]) -> usize {
        match &self.open {
            Some(open) => open.start(text),
            // Nothing is known, so the last word waits.
            None => text.iter().rposition(u8::is_ascii_whitespace).map_or(0, |at| at + 1),
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).multi_line(true).size_limit(COMPILED).dfa_size_limit(CACHE).build()
}

fn pattern_error(index: usize, error: &regex::Error) -> RedactError {
    // The message of a syntax error draws the pattern over several lines; the last says why.
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
    RedactError::Pattern { index, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
