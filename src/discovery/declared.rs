//! Judges workers that `[workers.ID] file` declares, whatever the rules say of the file.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    accept::Accepted,
    graph::import_closure,
    judge::{Classifier, Match},
    rules::Declared,
    verdict::{Candidate, Verdict, VerdictKind},
};
use crate::domain::WorkerId;

impl Classifier<'_> {
    /// Takes up the declared workers whose files have been read and that have a command.
    pub(super) fn declare(&mut self, resolved: &mut BTreeMap<PathBuf, Vec<PathBuf>>) {
        let rules = self.rules;
        for worker in rules.declared() {
            let rule = rules.fitting(&worker.file).next().map(|(at, _)| at);
            let Some(entry) = self.listing.files.get(&worker.file) else { continue };
            if entry.analysis().is_none() || (rule.is_none() && !worker.has_command) {
                continue;
            }
            let closure = import_closure(&worker.file, |file| self.imports(file, resolved));
            let reason = Some(format!("declared by `workers.{}.file`", worker.id));
            let matched = Match {
                entry,
                accepted: Accepted { rule, line: None, reason, is_marked: true },
                id: Ok(worker.id.clone()),
                runs: (self.running)(&worker.id).is_some_and(|file| file == worker.file),
                closure,
                helper_of: None,
            };
            self.declared.push((worker, matched));
        }
    }

    /// Whether this id is given by declaration.
    pub(super) fn is_declared(&self, id: &WorkerId) -> bool {
        self.declared.iter().any(|(worker, _)| worker.id == *id)
    }

    /// The verdicts on declared workers, one for each, and those that may run.
    pub(super) fn judge_declared(&self) -> (Vec<Verdict>, Vec<Candidate>) {
        let (mut verdicts, mut candidates) = (Vec::new(), Vec::new());
        for worker in self.rules.declared() {
            let taken_up = self.declared.iter().find(|(other, _)| other.id == worker.id);
            let Some((_, matched)) = taken_up else {
                verdicts.push(self.refuse(worker));
                continue;
            };
            let accepted = &matched.accepted;
            let obstacle = self.obstacle(matched);
            let (verdict, reason) = match &obstacle {
                Some((kind, reason)) => (*kind, Some(reason.clone())),
                None => match matched.entry.fault() {
                    Some(fault) => {
                        (VerdictKind::Rejected, Some(format!("{fault}; what runs goes on")))
                    }
                    None => (VerdictKind::Worker, accepted.reason.clone()),
                },
            };
            verdicts.push(Verdict {
                file: worker.file.clone(),
                verdict,
                id: Some(worker.id.clone()),
                rule: accepted.rule.map(|rule| self.rules.rules[rule].name.clone()),
                line: None,
                reason,
            });
            if obstacle.is_none() {
                candidates.push(self.candidate(worker.id.clone(), &worker.file, matched));
            }
        }
        (verdicts, candidates)
    }

    /// The verdict on a declared worker that cannot be run.
    fn refuse(&self, worker: &Declared) -> Verdict {
        let entry = self.listing.files.get(&worker.file);
        let why = match entry.map(|entry| (entry.analysis(), entry.fault())) {
            None => "it is not there".to_owned(),
            Some((_, Some(fault))) => fault.to_owned(),
            Some((None, None)) => "a program still writes to it".to_owned(),
            Some((Some(_), None)) => {
                let id = &worker.id;
                format!("no rule's `files` fits its name; set `workers.{id}.command`")
            }
        };
        Verdict {
            file: worker.file.clone(),
            verdict: VerdictKind::Rejected,
            id: Some(worker.id.clone()),
            rule: None,
            line: None,
            reason: Some(format!("declared by `workers.{}.file`: {why}", worker.id)),
        }
    }
}
