//! Globs and regexes: known to compile before anyone relies on them.

use globset::GlobBuilder;
use regex::RegexBuilder;

use super::sections::Scope;
use crate::config::{key::KeyPath, report::Report};

/// The most bytes a compiled regex may take, so that a hostile one costs nothing.
const MAX_REGEX: usize = 1 << 20;

/// Tells of each glob of a list that does not compile.
pub(super) fn globs(list: &[String], key: &KeyPath, scope: &Scope<'_>, report: &mut Report) {
    for (index, glob) in list.iter().enumerate() {
        if let Err(error) = GlobBuilder::new(glob).build() {
            let key = key.index(index);
            let shown = report.shown(scope.written, &key);
            let text = format!("{shown} is no glob: {}", error.kind());
            report.about(scope.layers, &key, text);
        }
    }
}

/// Tells of each regex of a list that does not compile.
pub(super) fn regexes(list: &[String], key: &KeyPath, scope: &Scope<'_>, report: &mut Report) {
    for (index, pattern) in list.iter().enumerate() {
        if let Err(error) = RegexBuilder::new(pattern).size_limit(MAX_REGEX).build() {
            let key = key.index(index);
            let shown = report.shown(scope.written, &key);
            let text = format!("{shown} is no regex: {}", reason(&error));
            report.about(scope.layers, &key, text);
        }
    }
}

/// Tells of each pattern that would hide everything: one that matches the empty text.
pub(super) fn redactions(list: &[String], key: &KeyPath, scope: &Scope<'_>, report: &mut Report) {
    regexes(list, key, scope, report);
    for (index, pattern) in list.iter().enumerate() {
        let compiled = RegexBuilder::new(pattern).size_limit(MAX_REGEX).build();
        if compiled.is_ok_and(|regex| regex.is_match("")) {
            let key = key.index(index);
            let shown = report.shown(scope.written, &key);
            let text = format!("{shown} matches empty text, expected a regex that does not");
            report.about(scope.layers, &key, text);
        }
    }
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
