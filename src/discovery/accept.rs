//! Finds the rule that accepts a file, by its content and that of the local files it imports.

use std::{fmt::Write as _, path::Path};

use crate::domain::os_text;

use super::{
    analysis::{Analysis, Marker, RuleOutcome},
    code::ImportKind,
    graph::{ImportClosure, MAX_DEPTH, MAX_FILES, first_step},
    listing::{Entry, Listing},
    rules::{Rule, Rules},
    verdict::VerdictKind,
};

/// Why a file is a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The rule's place in the config; `None` for a worker by declaration that fits none.
    pub(super) rule: Option<usize>,
    /// The line that decided.
    pub(super) line: Option<u32>,
    /// What the line does not say.
    pub(super) reason: Option<String>,
    /// Whether a marker decided, so that no import makes it a helper.
    pub(super) is_marked: bool,
}

/// Why no rule accepts a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// What it is instead.
    pub(super) kind: VerdictKind,
    pub(super) reason: String,
}

/// The first rule that accepts the file, or why none does.
pub(super) fn accept(
    rules: &Rules,
    listing: &Listing,
    (file, analysis): (&Path, &Analysis),
    closure: &ImportClosure,
) -> Result<Accepted, Refusal> {
    if let (Some((Marker::Worker, line)), Some((rule, _))) =
        (analysis.marker, rules.fitting(file).next())
    {
        return Ok(Accepted {
            rule: Some(rule),
            line: Some(line),
            reason: Some("marked `@arcanos worker`".to_owned()),
            is_marked: true,
        });
    }
    let mut reasons = Vec::new();
    let mut kind = VerdictKind::Ignored;
    for (at, outcome) in &analysis.outcomes {
        let rule = &rules.rules[*at];
        let check = RuleCheck { rules, listing, rule, file, analysis, closure };
        match check.decide(*outcome) {
            Ok((line, reason)) => {
                return Ok(Accepted { rule: Some(*at), line, reason, is_marked: false });
            }
            Err(reason) => reasons.push(format!("rule `{}`: {reason}", rule.name)),
        }
        if check.names_package(analysis, ImportKind::Reexport).is_some() {
            kind = VerdictKind::Helper;
        }
    }
    Err(Refusal { kind, reason: reasons.join("; ") })
}

/// One rule and one file.
struct RuleCheck<'a> {
    rules: &'a Rules,
    listing: &'a Listing,
    rule: &'a Rule,
    file: &'a Path,
    analysis: &'a Analysis,
    closure: &'a ImportClosure,
}

impl RuleCheck<'_> {
    /// The line that decides and what is to be said of it, or why the rule does not accept.
    fn decide(&self, outcome: RuleOutcome) -> Result<(Option<u32>, Option<String>), String> {
        let line = match outcome {
            RuleOutcome::Fits(line) => line,
            RuleOutcome::MissesAny => return Err("none of `any` matches".to_owned()),
            RuleOutcome::MissesAll(at) => {
                return Err(format!("`{}` of `all` does not match", self.rule.all[at]));
            }
            RuleOutcome::Forbidden(at, line) => {
                let regex = &self.rule.none[at];
                return Err(format!("`{regex}` of `none` matches on line {line}"));
            }
        };
        if self.rule.packages.is_empty() {
            return Ok((line, None));
        }
        if let Some((_, line)) = self.names_package(self.analysis, ImportKind::Use) {
            return Ok((Some(line), None));
        }
        self.package_by_closure()
            .map(|(line, reason)| (line, Some(reason)))
            .ok_or_else(|| self.no_import())
    }

    /// Which package of the rule a file names in this way, and on which line.
    fn names_package(&self, analysis: &Analysis, kind: ImportKind) -> Option<(&str, u32)> {
        let wanted = |package| self.rule.packages.contains(&package);
        let mut uses = analysis.packages.iter();
        let found = uses.find(|used| used.kind == kind && wanted(used.package))?;
        Some((&self.rules.packages[found.package], found.line))
    }

    /// How the file comes to a package by a local file: the line of that import, and a sentence.
    fn package_by_closure(&self) -> Option<(Option<u32>, String)> {
        let analysis = |path: &Path| self.listing.files.get(path).and_then(Entry::analysis);
        let (source, package) = self.closure.files.iter().find_map(|path| {
            let analysis = analysis(path)?;
            let named = self.names_package(analysis, ImportKind::Use);
            let named = named.or_else(|| self.names_package(analysis, ImportKind::Reexport));
            Some((path, named?.0))
        })?;
        let step = first_step(self.file, source, |file| self.listing.imports_of(file));
        let line = self.analysis.locals.iter().find_map(|local| {
            let target = self.listing.resolve(self.file, local)?;
            (Some(target) == step).then_some(local.line)
        });
        let source = os_text::shown_path(source);
        Some((line, format!("imports `{package}` through `{source}`")))
    }

    /// Why the rule's packages are not imported.
    fn no_import(&self) -> String {
        if let Some((package, line)) = self.names_package(self.analysis, ImportKind::Reexport) {
            return format!("only re-exports `{package}` (line {line})");
        }
        let packages = self.rule.packages.iter();
        let packages: Vec<_> =
            packages.map(|at| format!("`{}`", self.rules.packages[*at])).collect();
        let mut reason = format!("imports none of {}", packages.join(", "));
        let broken = self.closure.files.iter().find_map(|path| {
            let fault = self.listing.files.get(path)?.fault()?;
            Some(format!(
                "; of what it imports, `{}` is not followed: {fault}",
                os_text::shown_path(path)
            ))
        });
        reason.push_str(&broken.unwrap_or_default());
        if self.closure.is_cut {
            let _ = write!(
                reason,
                "; it imports more local files than are followed ({MAX_DEPTH} deep, {MAX_FILES} in \
                 all)"
            );
        }
        reason
    }
}
