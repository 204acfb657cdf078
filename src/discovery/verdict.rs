//! The verdict on each file, and the candidates among them.

use std::{path::PathBuf, sync::Arc};

use serde::Serialize;

use crate::domain::{Fingerprint, WorkerId, os_text};

/// What the files of a folder are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// One for each file, by path; hidden files and `node_modules` are left out.
    pub verdicts: Arc<Vec<Verdict>>,
    /// The workers, by id.
    pub candidates: Vec<Arc<Candidate>>,
}

/// What a file is, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Its path in the folder.
    #[serde(serialize_with = "os_text::serialize_shown")]
    pub file: PathBuf,
    /// What it is.
    pub verdict: VerdictKind,
    /// The worker's name; also of a file that may not have it.
    pub id: Option<WorkerId>,
    /// The name of the rule that accepts it.
    pub rule: Option<String>,
    /// The line that decided, from 1.
    pub line: Option<u32>,
    /// Why it is what it is, where rule and line do not say it.
    pub reason: Option<String>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictKind {
    /// It runs.
    Worker,
    /// A worker imports it.
    Helper,
    /// It would run, were it not for the reason.
    Rejected,
    /// It is not meant to run.
    Ignored,
}

/// A file that is a worker, and what its launch depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub id: WorkerId,
    /// Its path in the folder.
    pub file: PathBuf,
    /// The name of the rule that accepts it.
    pub rule: String,
    /// The rule's place in the config; `None` for a worker by declaration whose name fits none.
    pub rule_index: Option<usize>,
    /// The content of the file and of all that it imports locally.
    pub fingerprint: Fingerprint,
    /// What it imports locally, directly or through others, by path, each with the digest of its
    /// content: so it can be said which of them changed.
    pub uses: Vec<(PathBuf, Fingerprint)>,
    /// The variables that its code reads, sorted.
    pub env_reads: Vec<String>,
    /// What its owner should know.
    pub warnings: Vec<String>,
    /// Why nothing new may start from it, if anyone may write to it or to what it imports.
    pub untrusted: Option<String>,
}
