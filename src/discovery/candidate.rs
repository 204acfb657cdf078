//! Builds the candidate for an accepted file: all that a run of it depends on.

use std::{
    collections::BTreeSet,
    iter,
    path::{Path, PathBuf},
};

use super::{
    digest::fingerprint_of_all,
    graph::{MAX_DEPTH, MAX_FILES},
    judge::{Classifier, Match},
    listing::{Content, Distrust, Entry},
    local::{Local, Way},
    resolve::{Installed, is_path, package_of},
    verdict::Candidate,
};
use crate::domain::{Fingerprint, WorkerId, os_text};

impl Candidate {
    /// The same, made of these files too: their paths from the folder of workers, each with the
    /// digest of its content.
    #[must_use]
    pub fn with_watched(
        &self,
        files: impl Iterator<Item = (PathBuf, Fingerprint)>,
        warnings: &[String],
    ) -> Self {
        let mut candidate = self.clone();
        let own = candidate.uses.len();
        candidate.uses.extend(files);
        let watched = candidate.uses[own..].iter();
        let watched = watched.map(|(path, content)| (path.as_path(), *content));
        if candidate.uses.len() > own {
            candidate.fingerprint = fingerprint_of_all(Some(self.fingerprint), watched);
        }
        candidate.warnings.extend_from_slice(warnings);
        candidate
    }
}

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
            rule: matched
                .accepted
                .rule
                .map_or_else(|| "declared".to_owned(), |rule| self.rules.rules[rule].name.clone()),
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
            open(used).map(|reason| format!("imports `{}`: {reason}", os_text::shown_path(used)))
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
            warnings.extend(
                said.map(|text| format!("imports `{}`: {text}", os_text::shown_path(used))),
            );
        }
        warnings.extend(self.missing_imports(file, matched));
        warnings.extend(self.open_packages(file, matched));
        if matched.closure.is_cut {
            let followed = matched.closure.files.len();
            warnings.push(format!(
                "imports more local files than are followed ({MAX_DEPTH} deep, {MAX_FILES} in \
                 all); changes of others than the nearest {followed} restart nothing"
            ));
        }
        warnings
    }

    /// Packages in `node_modules` that it imports and that anyone may write to.
    fn open_packages(&self, file: &Path, matched: &Match<'_>) -> BTreeSet<String> {
        let listing = self.listing;
        let open = |from: &Path, local: &Local| match package_of(
            &listing.import_roots,
            from,
            local,
            &mut &*listing,
        )? {
            Installed::Open(reason) => Some(reason),
            Installed::Copy | Installed::Linked(_) => None,
        };
        let files = iter::once(file).chain(matched.closure.files.iter().map(PathBuf::as_path));
        let analysed = files.filter_map(|from| Some((from, listing.files.get(from)?.analysis()?)));
        analysed
            .flat_map(|(from, analysis)| {
                analysis.locals.iter().filter_map(move |local| open(from, local))
            })
            .collect()
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
                let is_whole =
                    [".js", ".mjs", ".cjs"].iter().any(|end| local.specifier.ends_with(end));
                if local.way == Way::Python || !is_whole || !is_path(&local.specifier) {
                    continue;
                }
                let is_followed =
                    self.listing.import_roots.follow(from, &local.specifier).is_some();
                if is_followed && self.listing.resolve(from, local).is_none() {
                    missing.push(format!(
                        "imports `{}`, which is missing (line {} of `{}`)",
                        local.specifier,
                        local.line,
                        os_text::shown_path(from)
                    ));
                }
            }
        }
        missing
    }
}
