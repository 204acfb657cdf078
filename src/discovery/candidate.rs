//! Makes the candidate of an accepted file: all that a run of it depends on.

use std::{
    iter,
    path::{Path, PathBuf},
};

use super::{
    digest::fingerprint_of_all,
    judge::{Classifier, Match},
    listing::{Content, Distrust, Entry},
    verdict::Candidate,
};
use crate::domain::{Fingerprint, WorkerId};

impl Classifier<'_> {
    pub(super) fn candidate(&self, id: WorkerId, file: &Path, matched: &Match<'_>) -> Candidate {
        let analysis = |path: &Path| self.listing.files.get(path).and_then(Entry::analysis);
        let own = matched.entry.analysis().map(|analysis| analysis.fingerprint);
        let used = matched.closure.files.iter();
        let uses: Vec<(PathBuf, Fingerprint)> =
            used.filter_map(|path| Some((path.clone(), analysis(path)?.fingerprint))).collect();
        let known = uses.iter().map(|(path, content)| (path.as_path(), *content));
        let fingerprint = fingerprint_of_all(own, known);
        let others = uses.iter().filter_map(|(path, _)| analysis(path));
        let mut env_reads: Vec<String> = matched
            .entry
            .analysis()
            .into_iter()
            .chain(others)
            .flat_map(|analysis| analysis.env_reads.iter().cloned())
            .collect();
        env_reads.sort();
        env_reads.dedup();
        Candidate {
            warnings: self.warnings(file, matched),
            untrusted: self.untrusted(file, matched),
            id,
            file: file.to_path_buf(),
            rule: self.rules.rules[matched.accepted.rule].name.clone(),
            rule_index: matched.accepted.rule,
            fingerprint,
            uses,
            env_reads,
        }
    }

    /// Why nothing new may start from the file: anyone may write to it or to what it imports.
    fn untrusted(&self, file: &Path, matched: &Match<'_>) -> Option<String> {
        let open = |path: &Path| match &self.listing.files.get(path)?.content {
            Content::Untrusted { reason: Distrust::Open(reason), .. } => Some(reason.clone()),
            _ => None,
        };
        let imported = |used: &PathBuf| {
            open(used).map(|reason| format!("imports `{}`: {reason}", used.display()))
        };
        open(file).or_else(|| matched.closure.files.iter().find_map(imported))
    }

    fn warnings(&self, file: &Path, matched: &Match<'_>) -> Vec<String> {
        let mut warnings = matched.entry.warnings.clone();
        warnings.extend(matched.entry.fault().map(str::to_owned));
        for used in &matched.closure.files {
            let Some(entry) = self.listing.files.get(used) else {
                continue;
            };
            let said = entry.fault().into_iter();
            let said = said.chain(entry.warnings.iter().map(String::as_str));
            warnings.extend(said.map(|text| format!("imports `{}`: {text}", used.display())));
        }
        warnings.extend(self.missing_imports(file, matched));
        if matched.closure.is_cut {
            let followed = matched.closure.files.len();
            warnings.push(format!(
                "imports more local files than are followed; changes of others than the nearest \
                 {followed} restart nothing"
            ));
        }
        warnings
    }

    /// Local files that are imported by their whole names and are not there.
    ///
    /// What is spelled without an ending may mean more than is looked for here.
    fn missing_imports(&self, file: &Path, matched: &Match<'_>) -> Vec<String> {
        let files = &self.listing.files;
        let mut missing = Vec::new();
        for from in iter::once(file).chain(matched.closure.files.iter().map(PathBuf::as_path)) {
            let analysis = files.get(from).and_then(Entry::analysis);
            for local in analysis.map_or(&[][..], |analysis| &analysis.locals) {
                if ![".js", ".mjs", ".cjs"].iter().any(|end| local.specifier.ends_with(end)) {
                    continue;
                }
                let is_followed =
                    !self.listing.import_roots.local_paths(from, &local.specifier).is_empty();
                if is_followed && self.listing.resolve(from, &local.specifier).is_none() {
                    missing.push(format!(
                        "imports `{}`, which is missing (line {} of `{}`)",
                        local.specifier,
                        local.line,
                        from.display()
                    ));
                }
            }
        }
        missing
    }
}
