//! The analysis of one file: what the rules need of its content, kept instead of the content.

use std::{path::Path, sync::Arc};

use regex::Regex;

use super::{
    code::code_view,
    digest::fingerprint,
    imports::{Lines, PackageUse, javascript_names, module_uses},
    local::Local,
    manifest::Manifest,
    python::{is_python, python_names, python_view},
    reads::env_reads,
    rules::{Rule, Rules, is_javascript},
};
use crate::{config::View, domain::Fingerprint};

/// Markers count in so many lines from the top of a file.
const MARKER_LINES: usize = 20;

/// What is known of a file's content. Small: it holds none of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analysis {
    /// The digest of its bytes.
    pub fingerprint: Fingerprint,
    /// The word that decides alone, and its line.
    pub marker: Option<(Marker, u32)>,
    /// The local files that it imports, in order, each once.
    pub locals: Vec<Local>,
    /// The variables that its code reads from `process.env`, sorted.
    pub env_reads: Vec<String>,
    /// What it says about modules, if it is a `package.json` or a `tsconfig.json`.
    pub manifest: Option<Arc<Manifest>>,
    /// The packages that it names, of those that any rule asks for.
    pub(super) packages: Vec<PackageUse>,
    /// What the regexes of each rule found, of those whose `files` fits the name.
    pub(super) outcomes: Vec<(usize, RuleOutcome)>,
}

/// A word in a comment near the top that says what a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// `@arcanos worker`.
    Worker,
    /// `@arcanos ignore`.
    Ignore,
}

/// What the regexes of one rule found in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuleOutcome {
    /// Nothing speaks against the file; the line that speaks for it, if a regex does.
    Fits(Option<u32>),
    /// None of `any` matches.
    MissesAny,
    /// This one of `all` does not match.
    MissesAll(usize),
    /// This one of `none` matches, on this line.
    Forbidden(usize, u32),
}

/// Reads a file's content, linear in its length.
///
/// `rel` is its path in the folder of workers; it decides which rules are asked. Bytes that are
/// not UTF-8 count as replacement characters.
#[must_use]
pub fn analyse(rules: &Rules, rel: &Path, bytes: &[u8]) -> Analysis {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let fitting: Vec<(usize, &Rule)> = rules.fitting(rel).collect();
    let wants_code = |rule: &Rule| !rule.packages.is_empty() || rule.on == View::Code;
    let is_code = is_javascript(rel) || fitting.iter().any(|(_, rule)| wants_code(rule));
    let mut env = Vec::new();
    let (view, names) = if is_python(rel) {
        let view = python_view(text);
        let names = python_names(&view);
        (Some(view), names)
    } else if is_code {
        let view = code_view(text);
        env = env_reads(text, &view.text);
        let names = javascript_names(text, &view);
        (Some(view.text), names)
    } else {
        (None, Vec::new())
    };
    let (packages, locals) = module_uses(text, names, &rules.packages);
    let outcome = |(at, rule): (usize, &Rule)| (at, ask(rule, text, view.as_deref()));
    Analysis {
        fingerprint: fingerprint(bytes),
        marker: marker(text),
        packages,
        locals,
        env_reads: env,
        manifest: Manifest::read(rel, text).map(Arc::new),
        outcomes: fitting.into_iter().map(outcome).collect(),
    }
}

/// Asks the regexes of a rule.
fn ask(rule: &Rule, raw: &str, view: Option<&str>) -> RuleOutcome {
    let text = match (rule.on, view) {
        (View::Code, Some(view)) => view,
        (View::Code, None) | (View::Raw, _) => raw,
    };
    let place = |regex: &Regex| regex.find(text).map(|found| found.start());
    let line = |place| Lines::of(text).at(place);
    for (at, regex) in rule.none.iter().enumerate() {
        if let Some(place) = place(regex) {
            return RuleOutcome::Forbidden(at, line(place));
        }
    }
    let mut first_of_all = None;
    for (at, regex) in rule.all.iter().enumerate() {
        match place(regex) {
            Some(place) => first_of_all = first_of_all.or(Some(place)),
            None => return RuleOutcome::MissesAll(at),
        }
    }
    let first_of_any = rule.any.iter().find_map(place);
    if first_of_any.is_none() && !rule.any.is_empty() {
        return RuleOutcome::MissesAny;
    }
    RuleOutcome::Fits(first_of_any.or(first_of_all).map(line))
}

/// The first marker in a comment line near the top.
fn marker(text: &str) -> Option<(Marker, u32)> {
    text.lines().take(MARKER_LINES).zip(1..).find_map(|(line, number)| {
        let comment = line.trim_start();
        let words = ["//", "#", "/*", "*", "--"]
            .iter()
            .find_map(|sign| comment.strip_prefix(sign))?
            .trim_start()
            .strip_prefix("@arcanos")?;
        let word = words.strip_prefix([' ', '\t'])?.split_whitespace().next()?;
        let marker = match word.trim_end_matches("*/") {
            "worker" => Marker::Worker,
            "ignore" => Marker::Ignore,
            _ => return None,
        };
        Some((marker, number))
    })
}
