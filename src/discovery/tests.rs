//! Folders made of words, and what is found in them.

mod code;
mod declared;
mod folder;
mod labelled;
mod ways;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    Candidate, Content, Discovered, Entry, ImportRoots, Listing, Rules, Verdict, VerdictKind,
    analyse, judge, resolve::Packages,
};
use crate::{
    config::{self, View, Watch},
    domain::Mode,
};

/// A rule that fits `files` and sets no condition.
fn rule(name: &str, files: &[&str]) -> config::Rule {
    config::Rule {
        name: name.to_owned(),
        files: words(files),
        imports: Vec::new(),
        any: Vec::new(),
        all: Vec::new(),
        none: Vec::new(),
        on: View::Raw,
        command: words(&["true"]),
        ipc: false,
        mode: Mode::Script,
    }
}

/// The rule for files that use the SDK.
fn openai() -> config::Rule {
    config::Rule { imports: words(&["openai"]), ..rule("openai-node", &["*.js", "*.mjs", "*.cjs"]) }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn rules(rules: Vec<config::Rule>) -> Rules {
    compile(&discovery(rules))
}

fn compile(discovery: &config::Discovery) -> Rules {
    Rules::compile(discovery).expect("good rules")
}

fn discovery(rules: Vec<config::Rule>) -> config::Discovery {
    config::Discovery {
        directory: PathBuf::from("/site/workers"),
        ignore: words(&["shared/**", "lib/**", "node_modules/**", "**/*.test.*"]),
        recursive: false,
        scan_interval: Duration::from_secs(30),
        watch: Watch::Auto,
        world_writable: config::WorldWritable::Reject,
        prepare: crate::config::Prepare::Auto,
        rules,
    }
}

/// A folder in which everything has been read.
fn folder(rules: &Rules, files: &[(&str, &str)]) -> Listing {
    let entry = |(name, text): &(&str, &str)| {
        let path = PathBuf::from(name);
        let analysis = analyse(rules, &path, text.as_bytes());
        (path, Entry::new(Content::Analysed(Arc::new(analysis))))
    };
    Listing {
        directory: PathBuf::from("/site/workers"),
        import_roots: ImportRoots::new(Path::new("/site"), Path::new("/site/workers")),
        packages: Packages::default(),
        files: files.iter().map(entry).collect(),
    }
}

/// What is found while nothing runs.
fn found(rules: &Rules, listing: &Listing) -> Discovered {
    judge(rules, listing, &|_| None)
}

fn kinds(discovered: &Discovered) -> BTreeMap<&str, VerdictKind> {
    let name = |verdict: &'_ Verdict| verdict.verdict;
    discovered
        .verdicts
        .iter()
        .map(|verdict| (verdict.file.to_str().expect("a plain name"), name(verdict)))
        .collect()
}

fn verdict<'a>(discovered: &'a Discovered, file: &str) -> &'a Verdict {
    let mut verdicts = discovered.verdicts.iter();
    verdicts
        .find(|verdict| verdict.file == Path::new(file))
        .unwrap_or_else(|| panic!("no verdict on {file}"))
}

fn candidate<'a>(discovered: &'a Discovered, id: &str) -> &'a Candidate {
    let mut candidates = discovered.candidates.iter();
    candidates
        .find(|candidate| candidate.id.as_str() == id)
        .unwrap_or_else(|| panic!("no worker {id}"))
}
