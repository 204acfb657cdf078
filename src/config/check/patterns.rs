//! Checks that globs and regexes compile.

use globset::GlobBuilder;
use regex::{Regex, RegexBuilder};

use super::checker::Checker;
use crate::config::key::KeyPath;

/// The most bytes that a compiled regex may take, so that a hostile one costs nothing.
const MAX_REGEX: usize = 1 << 20;

impl Checker<'_> {
    /// Reports each glob of a list that does not compile.
    pub(super) fn globs(&mut self, list: &[String], key: &KeyPath) {
        for (index, glob) in list.iter().enumerate() {
            if let Err(error) = GlobBuilder::new(glob).build() {
                self.error_of_value(&key.index(index), &format!("is not a glob: {}", error.kind()));
            }
        }
    }

    /// Reports, beside globs that do not compile, each that can match nothing below the folder of
    /// the config.
    pub(super) fn globs_below(&mut self, list: &[String], key: &KeyPath) {
        self.globs(list, key);
        for (index, glob) in list.iter().enumerate() {
            let mut parts = glob.split(['/', '{', ',', '}']);
            if glob.starts_with('/') || parts.any(|part| part == "..") {
                let text = "leads out of the folder of the config, expected a glob below it, like \
                            \"prompts/**\"";
                self.error_of_value(&key.index(index), text);
            } else if glob.split('/').all(|part| matches!(part, "" | ".")) {
                let text = "names no file, expected a glob, like \"prompts/**\"";
                self.error_of_value(&key.index(index), text);
            }
        }
    }

    /// Reports each regex of a list that does not compile.
    pub(super) fn regexes(&mut self, list: &[String], key: &KeyPath) {
        for (index, pattern) in list.iter().enumerate() {
            self.regex(pattern, &key.index(index));
        }
    }

    /// Reports a regex that does not compile.
    pub(super) fn regex(&mut self, pattern: &str, key: &KeyPath) {
        if let Err(error) = compile(pattern) {
            self.error_of_value(key, &format!("is not a regex: {}", reason(&error)));
        }
    }

    /// Reports, beside regexes that do not compile, each that would hide everything: one that
    /// matches the empty text.
    pub(super) fn redactions(&mut self, list: &[String], key: &KeyPath) {
        self.regexes(list, key);
        for (index, pattern) in list.iter().enumerate() {
            if compile(pattern).is_ok_and(|regex| regex.is_match("")) {
                let text = "matches empty text, expected a regex that does not";
                self.error_of_value(&key.index(index), text);
            }
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(MAX_REGEX).build()
}

/// The last line of regex's message: those before it draw the pattern.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it is too big once compiled".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        }
    }
}
