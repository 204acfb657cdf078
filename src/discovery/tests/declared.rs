//! Workers by declaration: `[workers.ID] file`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{super::Rules, VerdictKind, folder, found};
use crate::config::{self, Inputs};

fn rules(text: &str) -> Rules {
    let inputs = Inputs {
        file: Path::new("/site/arcanos.toml"),
        text,
        environment: &BTreeMap::new(),
        read: &|_| Ok(None),
        profile: None,
        overrides: &[],
    };
    Rules::of(&config::load(&inputs).expect("a good config").config).expect("good rules")
}

#[test]
fn a_declared_file_is_a_worker_whatever_rules_say_of_it() {
    let rules = rules(
        "workers.bot.file = \"bots/main.js\"\nworkers.twin.file = \"./bots/main.js\"\n\
         workers.near.file = \"workers/_near.js\"\nworkers.own.file = \"workers/plain.js\"\n\
         workers.odd = { file = \"bots/run\", command = [\"{file}\"] }\n\
         workers.lost.file = \"bots/none.js\"\nworkers.bare.file = \"bots/bare\"\n\
         workers.taken.file = \"bots/main.js\"\n",
    );
    let files = [
        ("../bots/main.js", "require('./lib'); require('../workers/used.js')"),
        ("../bots/lib.js", "require('openai')"),
        ("../bots/run", "#!/bin/sh"),
        ("../bots/bare", ""),
        ("_near.js", "// @arcanos ignore"),
        ("plain.js", "f()"),
        ("taken.js", "require('openai')"),
        ("used.js", "require('openai')"),
        ("usual.js", "require('openai')"),
    ];
    let discovered = found(&rules, &folder(&rules, &files));
    let workers: Vec<_> = discovered
        .candidates
        .iter()
        .map(|c| (c.id.as_str(), c.file.display().to_string(), c.rule_index))
        .collect();
    let rule = Some(0);
    let expected = [
        ("bot", "../bots/main.js", rule),
        ("near", "_near.js", rule),
        ("odd", "../bots/run", None),
        ("own", "plain.js", rule),
        ("taken", "../bots/main.js", rule),
        ("twin", "../bots/main.js", rule),
        ("usual", "usual.js", rule),
    ];
    assert_eq!(workers, expected.map(|(id, file, rule)| (id, file.to_owned(), rule)));
    let uses = &super::candidate(&discovered, "bot").uses;
    assert_eq!(uses.len(), 2, "{uses:?}");
    assert_eq!(super::verdict(&discovered, "used.js").verdict, VerdictKind::Helper);
    assert_eq!(super::verdict(&discovered, "taken.js").verdict, VerdictKind::Rejected);
    for (file, part) in
        [("../bots/none.js", "is not there"), ("../bots/bare", "set `workers.bare.command`")]
    {
        let verdict = super::verdict(&discovered, file);
        assert_eq!(verdict.verdict, VerdictKind::Rejected, "{file}");
        assert!(verdict.reason.as_deref().is_some_and(|r| r.contains(part)), "{verdict:?}");
    }
}

#[test]
fn a_declaration_is_a_root_of_the_scan_and_changes_its_digest() {
    let (with, without) = (rules("workers.bot.file = \"bots/main.js\"\n"), rules(""));
    let file = PathBuf::from("../bots/main.js");
    assert!(with.is_eligible(&file) && !without.is_eligible(&file));
    assert_ne!(with.digest(), without.digest());
}
