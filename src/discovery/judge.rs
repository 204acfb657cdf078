//! Gives each file of a listing its verdict.

use std::{
    collections::{BTreeMap, HashMap, btree_map},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::{
    accept::{Accepted, Refusal, accept},
    analysis::Marker,
    graph::{ImportClosure, import_closure},
    listing::{Content, Distrust, Entry, Listing},
    local::Local,
    manifest::Manifest,
    resolve::{Installed, Sites, resolve},
    rules::{Declared, Rules},
    verdict::{Candidate, Discovered, Verdict, VerdictKind},
};
use crate::domain::{WorkerId, os_text};

/// Gives each file its verdict, and takes the workers out.
///
/// `running` says which file holds an id now. That file keeps the id if another one would have
/// the same, and goes on being a worker where nothing new may start.
#[must_use]
pub fn judge(
    rules: &Rules,
    listing: &Listing,
    running: &dyn Fn(&WorkerId) -> Option<PathBuf>,
) -> Discovered {
    let mut classifier = Classifier {
        rules,
        listing,
        running,
        accepted: HashMap::new(),
        refused: HashMap::new(),
        importers: HashMap::new(),
        taken: BTreeMap::new(),
        declared: Vec::new(),
    };
    let mut resolved = BTreeMap::new();
    classifier.declare(&mut resolved);
    classifier.match_rules(&mut resolved);
    classifier.find_helpers();
    classifier.give_ids();
    let (mut verdicts, mut candidates) = (Vec::new(), Vec::new());
    for (file, entry) in &listing.files {
        if is_hidden(file) || classifier.is_aside(file, entry) {
            continue;
        }
        let (verdict, candidate) = classifier.judge_file(file, entry);
        verdicts.push(verdict);
        candidates.extend(candidate.map(Arc::new));
    }
    let (declared, others) = classifier.judge_declared();
    verdicts.retain(|verdict| declared.iter().all(|other| other.file != verdict.file));
    verdicts.extend(declared);
    verdicts.sort_by(|a, b| a.file.cmp(&b.file));
    candidates.extend(others.into_iter().map(Arc::new));
    candidates.sort_by(|a, b| a.id.cmp(&b.id));
    Discovered { verdicts: Arc::new(verdicts), candidates }
}

pub(super) struct Classifier<'a> {
    pub(super) rules: &'a Rules,
    pub(super) listing: &'a Listing,
    pub(super) running: &'a dyn Fn(&WorkerId) -> Option<PathBuf>,
    /// Files that a rule accepts. By hash, as the others: comparing paths for an order costs a walk
    /// over their parts, and there may be thousands.
    accepted: HashMap<&'a Path, Match<'a>>,
    /// Why no rule accepts a file, of those that might have been.
    refused: HashMap<&'a Path, Refusal>,
    /// For each file that belongs to an accepted one: the first such.
    importers: HashMap<PathBuf, &'a Path>,
    /// Who has an id.
    taken: BTreeMap<WorkerId, &'a Path>,
    /// Workers by declaration.
    pub(super) declared: Vec<(&'a Declared, Match<'a>)>,
}

/// A file that a rule accepts.
pub(super) struct Match<'a> {
    pub(super) entry: &'a Entry,
    pub(super) accepted: Accepted,
    /// The name it asks for.
    pub(super) id: Result<WorkerId, String>,
    /// Whether it runs by that name now.
    pub(super) runs: bool,
    pub(super) closure: ImportClosure,
    /// The accepted file that makes this one a helper.
    pub(super) helper_of: Option<PathBuf>,
}

impl<'a> Classifier<'a> {
    fn match_rules(&mut self, resolved: &mut BTreeMap<PathBuf, Vec<PathBuf>>) {
        for (file, entry) in &self.listing.files {
            let Some(analysis) = entry.analysis() else {
                continue;
            };
            let is_declared = self.rules.declared_files().any(|declared| declared == file);
            if is_declared || !self.rules.is_eligible(file) {
                continue;
            }
            if let Some((Marker::Ignore, line)) = analysis.marker {
                let refusal = Refusal {
                    kind: VerdictKind::Ignored,
                    reason: format!("marked `@arcanos ignore` on line {line}"),
                };
                self.refused.insert(file, refusal);
                continue;
            }
            let closure = if analysis.locals.is_empty() {
                ImportClosure::default()
            } else {
                import_closure(file, |file| self.imports(file, resolved))
            };
            match accept(self.rules, self.listing, (file, analysis), &closure) {
                Ok(accepted) => {
                    let id = id_of(file);
                    let holder = id.as_ref().ok().and_then(|id| (self.running)(id));
                    let runs = holder.is_some_and(|holder| holder == **file);
                    let matched = Match { entry, accepted, id, runs, closure, helper_of: None };
                    self.accepted.insert(file, matched);
                }
                Err(refusal) => {
                    self.refused.insert(file, refusal);
                }
            }
        }
    }

    /// The local files that a file imports, of those that there are.
    pub(super) fn imports(
        &self,
        file: &Path,
        resolved: &mut BTreeMap<PathBuf, Vec<PathBuf>>,
    ) -> Vec<PathBuf> {
        let resolve_all = || self.listing.imports_of(file);
        match resolved.entry(file.to_path_buf()) {
            btree_map::Entry::Occupied(known) => known.get().clone(),
            btree_map::Entry::Vacant(new) => new.insert(resolve_all()).clone(),
        }
    }

    /// A file that another accepted one imports is a helper, unless they import each other.
    fn find_helpers(&mut self) {
        let mut helpers = Vec::new();
        let mut importers = HashMap::new();
        let declared = self.declared.iter().map(|(worker, matched)| (&*worker.file, matched));
        for (file, matched) in self.in_order().chain(declared) {
            for used in &matched.closure.files {
                importers.entry(used.clone()).or_insert(file);
                let Some(other) = self.accepted.get(used.as_path()) else {
                    continue;
                };
                let is_mutual = other.closure.files.binary_search(&file.to_path_buf()).is_ok();
                if !is_mutual && !other.accepted.is_marked {
                    helpers.push((used.clone(), file.to_path_buf()));
                }
            }
        }
        self.importers = importers;
        for (helper, importer) in helpers {
            if let Some(matched) = self.accepted.get_mut(helper.as_path()) {
                matched.helper_of.get_or_insert(importer);
            }
        }
    }

    /// The file that runs by an id keeps it; else the first by name has it.
    fn give_ids(&mut self) {
        let declared = self.declared.iter();
        let mut taken: BTreeMap<WorkerId, &'a Path> =
            declared.map(|(worker, _)| (worker.id.clone(), &*worker.file)).collect();
        for (file, matched) in self.in_order() {
            let Ok(id) = &matched.id else { continue };
            if matched.helper_of.is_some() || self.obstacle(matched).is_some() {
                continue;
            }
            match taken.entry(id.clone()) {
                btree_map::Entry::Occupied(mut other) if matched.runs && !self.is_declared(id) => {
                    other.insert(file);
                }
                btree_map::Entry::Occupied(_) => {}
                btree_map::Entry::Vacant(free) => {
                    free.insert(file);
                }
            }
        }
        self.taken = taken;
    }

    /// The accepted files, by path.
    fn in_order(&self) -> impl Iterator<Item = (&'a Path, &Match<'a>)> {
        let files = self.listing.files.keys();
        files.filter_map(|file| Some((file.as_path(), self.accepted.get(file.as_path())?)))
    }

    fn judge_file(&self, file: &'a Path, entry: &Entry) -> (Verdict, Option<Candidate>) {
        let Some(matched) = self.accepted.get(file) else {
            return (self.judge_other(file, entry), None);
        };
        let accepted = &matched.accepted;
        let mut verdict = Verdict {
            file: file.to_path_buf(),
            verdict: VerdictKind::Rejected,
            id: matched.id.as_ref().ok().cloned(),
            rule: accepted.rule.map(|rule| self.rules.rules[rule].name.clone()),
            line: accepted.line,
            reason: accepted.reason.clone(),
        };
        if let Some(importer) = &matched.helper_of {
            verdict.verdict = VerdictKind::Helper;
            verdict.id = None;
            verdict.reason = Some(format!("imported by `{}`", os_text::shown_path(importer)));
            return (verdict, None);
        }
        let id = match &matched.id {
            Ok(id) => id,
            Err(reason) => {
                verdict.reason = Some(reason.clone());
                return (verdict, None);
            }
        };
        if let Some((kind, reason)) = self.obstacle(matched) {
            verdict.verdict = kind;
            verdict.reason = Some(reason);
            return (verdict, None);
        }
        if let Some(holder) = self.taken.get(id).filter(|holder| **holder != file) {
            let holder = os_text::shown_path(holder);
            verdict.reason = Some(format!("the id `{id}` belongs to `{holder}` already"));
            return (verdict, None);
        }
        match entry.fault() {
            Some(reason) => verdict.reason = Some(format!("{reason}; what runs goes on")),
            None => verdict.verdict = VerdictKind::Worker,
        }
        (verdict, Some(self.candidate(id.clone(), file, matched)))
    }

    /// What keeps an accepted file from starting, unless it runs already.
    pub(super) fn obstacle(&self, matched: &Match<'_>) -> Option<(VerdictKind, String)> {
        if matched.runs || matched.id.is_err() {
            return None;
        }
        if let Some(reason) = matched.entry.fault() {
            return Some((VerdictKind::Rejected, reason.to_owned()));
        }
        matched.closure.files.iter().find_map(|used| {
            let name = os_text::shown_path(used);
            match &self.listing.files.get(used)?.content {
                Content::Held => Some((
                    VerdictKind::Ignored,
                    format!("waits for `{name}`, which a program still writes to"),
                )),
                Content::Untrusted { reason: Distrust::Open(reason), .. } => {
                    Some((VerdictKind::Rejected, format!("imports `{name}`: {reason}")))
                }
                _ => None,
            }
        })
    }

    /// Whether a file was read for what it says of others only, and is none of the folder's own.
    fn is_aside(&self, file: &Path, entry: &Entry) -> bool {
        let is_plain = matches!(entry.content, Content::Analysed(_) | Content::Held);
        is_plain && !self.rules.is_in_place(file) && !self.importers.contains_key(file)
    }

    /// The verdict on a file that no rule accepts.
    fn judge_other(&self, file: &Path, entry: &Entry) -> Verdict {
        let importer = self.importers.get(file);
        let (kind, reason) = match (&entry.content, importer) {
            (Content::Rejected(reason), _) => (VerdictKind::Rejected, reason.clone()),
            (Content::Untrusted { reason, .. }, _) => {
                (VerdictKind::Rejected, reason.as_str().to_owned())
            }
            (_, Some(importer)) => {
                (VerdictKind::Helper, format!("imported by `{}`", os_text::shown_path(importer)))
            }
            (Content::Held, None) => (
                VerdictKind::Ignored,
                "a program still writes to it; it is read once that has closed it".to_owned(),
            ),
            (Content::Unread | Content::Analysed(_), None) => {
                let refusal = self.refused.get(file);
                let kind = refusal.map_or(VerdictKind::Ignored, |refusal| refusal.kind);
                let reason = refusal.map(|refusal| refusal.reason.clone());
                let reason = reason.or_else(|| self.rules.refusal(file));
                (kind, reason.unwrap_or_else(|| "not read yet".to_owned()))
            }
        };
        let marker = entry.analysis().and_then(|analysis| analysis.marker);
        Verdict {
            file: file.to_path_buf(),
            verdict: kind,
            id: None,
            rule: None,
            line: marker.map(|(_, line)| line),
            reason: Some(reason),
        }
    }
}

impl Listing {
    /// The local files that a file imports, of those that there are, in order.
    #[must_use]
    pub fn imports_of(&self, file: &Path) -> Vec<PathBuf> {
        let analysis = self.files.get(file).and_then(Entry::analysis);
        let locals = analysis.map_or(&[][..], |analysis| &analysis.locals);
        locals.iter().filter_map(|local| self.resolve(file, local)).collect()
    }

    /// The local file that an import of a file means, if it is there.
    #[must_use]
    pub fn resolve(&self, file: &Path, local: &Local) -> Option<PathBuf> {
        resolve(&self.import_roots, file, local, &mut &*self)
    }
}

impl Sites for &Listing {
    /// What is imported has been looked at: a name that nothing asked about may be a link to a
    /// folder, and then its `index.js` is meant.
    fn is_file(&mut self, path: &Path) -> bool {
        self.files.get(path).is_some_and(|entry| entry.content != Content::Unread)
    }

    fn manifest(&mut self, path: &Path) -> Option<Arc<Manifest>> {
        self.files.get(path).and_then(Entry::analysis)?.manifest.clone()
    }

    fn installed(&mut self, path: &Path) -> Option<Installed> {
        self.packages.get(path).cloned()
    }
}

fn id_of(file: &Path) -> Result<WorkerId, String> {
    WorkerId::of_path(file).map_err(|fault| fault.to_string())
}

/// Whether a verdict on this file would be noise.
fn is_hidden(file: &Path) -> bool {
    file.components().any(|part| match part {
        Component::Normal(name) => {
            name == "node_modules" || name.as_encoded_bytes().starts_with(b".")
        }
        _ => false,
    })
}
