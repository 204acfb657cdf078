//! Files beside each other: helpers, markers, ids, and what is broken.

use std::path::{Path, PathBuf};

use super::{
    super::{Distrust, ImportRoots},
    Content, Entry, VerdictKind, candidate, folder, found, judge, kinds, openai, rule, rules,
    verdict, words,
};
use crate::{config::View, domain::WorkerId};

const SDK: &str = "import 'openai';";

#[test]
fn a_file_that_reaches_the_package_through_local_files_is_a_worker() {
    let rules = rules(vec![openai()]);
    let listing = folder(
        &rules,
        &[
            ("direct.js", "import './shared/client.js';"),
            ("shared/client.js", SDK),
            ("deep.js", "require('./shared/one')"),
            ("shared/one.js", "require('./two')"),
            ("shared/two.js", "require('openai')"),
            ("index.js", "require('./lib')"),
            ("lib/index.js", "require('openai')"),
            ("dynamic.mjs", "await import('./shared/client.js')"),
            ("top-helper.js", "exports.O = require('openai')"),
            ("uses-top.js", "require('./top-helper.js')"),
            ("nothing.js", "require('./shared/plain.js')"),
            ("shared/plain.js", ""),
            ("local-openai.js", "import x from './openai.js'"),
            ("openai.js", ""),
            ("commented.js", "// require('./shared/client.js')"),
            ("loop-a.js", "require('./loop-b.js')"),
            ("loop-b.js", "require('./loop-a.js')"),
            ("missing.js", "require('./not-there.js'); require('openai')"),
            ("outside.js", "require('../../secret.js')"),
            ("beside.js", "require('../lib/util')"),
            ("../lib/util.js", "require('../workers/shared/client.js')"),
        ],
    );
    let discovered = found(&rules, &listing);
    let workers: Vec<_> = discovered.candidates.iter().map(|c| c.id.as_str()).collect();
    let expected = ["beside", "deep", "direct", "dynamic", "index", "missing", "uses-top"];
    assert_eq!(workers, expected);
    let kinds = kinds(&discovered);
    assert_eq!(kinds["top-helper.js"], VerdictKind::Helper);
    assert_eq!(kinds["shared/two.js"], VerdictKind::Helper);
    assert_eq!(kinds["../lib/util.js"], VerdictKind::Helper);
    let uses: Vec<_> = candidate(&discovered, "beside").uses.iter().map(|u| &u.0).collect();
    assert_eq!(uses, ["../lib/util.js", "shared/client.js"].map(Path::new));
}

#[test]
fn a_local_file_that_is_missing_is_reported_on_who_imports_it() {
    let rules = rules(vec![openai()]);
    let files = [
        ("direct.js", "import 'openai';\nimport './shared/gone.js';"),
        ("far.js", "import 'openai';\nimport './shared/one.js';"),
        ("shared/one.js", "require('./two.cjs')"),
        ("fine.js", "import 'openai'; import './data'; import './fine.css'; import '../../out.js'"),
        ("near.js", "import 'openai'; import '../lib/gone.js'"),
    ];
    let discovered = found(&rules, &folder(&rules, &files));
    for (id, warning) in [
        ("direct", &["imports `./shared/gone.js`, which is missing (line 2 of `direct.js`)"][..]),
        ("far", &["imports `./two.cjs`, which is missing (line 1 of `shared/one.js`)"][..]),
        ("near", &["imports `../lib/gone.js`, which is missing (line 1 of `near.js`)"][..]),
        ("fine", &[]),
    ] {
        assert_eq!(candidate(&discovered, id).warnings, warning, "{id}");
    }
}

#[test]
fn files_that_import_each_other_are_both_workers_and_helpers_of_a_third() {
    let rules = rules(vec![openai()]);
    let pair = [
        ("a.js", "import './b.js'; import 'openai'"),
        ("b.js", "import './a.js'"),
        ("c.js", "import './a.js'"),
    ];
    let alone = found(&rules, &folder(&rules, &pair[..2]));
    assert_eq!(alone.candidates.len(), 2);
    let third = found(&rules, &folder(&rules, &pair));
    let workers: Vec<_> = third.candidates.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(workers, ["c"]);
}

#[test]
fn markers_decide_alone_where_a_rule_fits_the_name() {
    let rules = rules(vec![openai(), rule("py", &["*.py"])]);
    let far = format!("{}// @arcanos ignore\nimport 'openai'", "\n".repeat(20));
    let listing = folder(
        &rules,
        &[
            ("on.js", "'use strict';\n// @arcanos worker\nfetch('https://x')"),
            ("off.js", "// @arcanos ignore\nimport 'openai'"),
            ("far.js", &far),
            ("on.txt", "# @arcanos worker"),
            ("off.py", "  #  @arcanos ignore"),
            ("on.py", "# @arcanos worker because"),
            ("helper.js", "// @arcanos worker\nimport 'openai'"),
            ("uses.js", "import './helper.js'"),
            ("prose.js", "// @arcanos workers are fine"),
        ],
    );
    let discovered = found(&rules, &listing);
    let workers: Vec<_> = discovered.candidates.iter().map(|c| c.id.as_str()).collect();
    // `on.js` comes before `on.py` and has the id.
    assert_eq!(workers, ["far", "helper", "on", "uses"]);
    let on = verdict(&discovered, "on.js");
    assert_eq!((on.line, on.rule.as_deref()), (Some(2), Some("openai-node")));
    assert_eq!(
        verdict(&discovered, "off.js").reason.as_deref(),
        Some("marked `@arcanos ignore` on line 1")
    );
    assert_eq!(verdict(&discovered, "off.py").verdict, VerdictKind::Ignored);
}

#[test]
fn the_first_rule_whose_conditions_hold_wins() {
    let mut code = rule("code", &["c*.js"]);
    code.any = words(&[r"acme\("]);
    code.on = View::Code;
    let mut raw = rule("raw", &["r*.js"]);
    raw.any = words(&["nothing", r"acme\("]);
    let mut both = rule("both", &["a*.py"]);
    both.all = words(&["^import openai", "def main"]);
    both.none = words(&["(?i)do not run"]);
    let mut late = rule("late", &["*.py"]);
    late.any = words(&["late"]);
    let rules = rules(vec![code, raw, both, late, rule("any", &["*.bin"])]);
    let listing = folder(
        &rules,
        &[
            ("c1.js", "acme(1)"),
            ("c2.js", "// acme(1)"),
            ("c3.js", "s = 'acme(1)'"),
            ("r1.js", "\n// acme(1)"),
            ("a1.py", "#\nimport openai\ndef main(): pass"),
            ("a2.py", "import openai"),
            ("a3.py", "import openai\ndef main(): pass\n# DO NOT run"),
            ("a4.py", "import openai\ndef main(): pass # late"),
            ("z.py", "late"),
            ("x.bin", "\0\0"),
        ],
    );
    let discovered = found(&rules, &listing);
    let workers: Vec<_> = discovered
        .candidates
        .iter()
        .map(|c| (c.id.as_str(), c.rule.as_str(), c.rule_index.unwrap_or(usize::MAX)))
        .collect();
    let expected = [
        ("a1", "both", 2),
        ("a4", "both", 2),
        ("c1", "code", 0),
        ("r1", "raw", 1),
        ("x", "any", 4),
        ("z", "late", 3),
    ];
    assert_eq!(workers, expected);
    assert_eq!(verdict(&discovered, "r1.js").line, Some(2));
    assert_eq!(verdict(&discovered, "a1.py").line, Some(2));
    assert_eq!(
        verdict(&discovered, "a3.py").reason.as_deref(),
        Some(
            "rule `both`: `(?i)do not run` of `none` matches on line 3; \
             rule `late`: none of `any` matches"
        )
    );
}

#[test]
fn an_id_stays_with_the_file_that_runs_by_it() {
    let rules = rules(vec![openai()]);
    let listing = folder(&rules, &[("a.js", SDK), ("a.mjs", SDK)]);
    let first = found(&rules, &listing);
    assert_eq!(candidate(&first, "a").file, Path::new("a.js"));
    let rejected = verdict(&first, "a.mjs");
    assert_eq!(rejected.verdict, VerdictKind::Rejected);
    assert_eq!(rejected.reason.as_deref(), Some("the id `a` belongs to `a.js` already"));
    let runs = |_: &WorkerId| Some(PathBuf::from("a.mjs"));
    let later = judge(&rules, &listing, &runs);
    assert_eq!(candidate(&later, "a").file, Path::new("a.mjs"));
    assert_eq!(verdict(&later, "a.js").verdict, VerdictKind::Rejected);
}

#[test]
fn the_entry_file_of_a_folder_has_the_folders_id() {
    let mut discovery = super::discovery(vec![openai(), rule("py", &["*.py"])]);
    discovery.recursive = true;
    let rules = super::compile(&discovery);
    let listing = folder(
        &rules,
        &[
            ("alpha/index.js", SDK),
            ("deep/beta/index.mjs", SDK),
            ("gamma/__main__.py", "f()"),
            ("gamma/_other.py", "f()"),
            ("index.js", SDK),
            ("plain.js", SDK),
        ],
    );
    let discovered = found(&rules, &listing);
    let ids: Vec<_> = discovered.candidates.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["alpha", "beta", "gamma", "index", "plain"]);
}

#[test]
fn a_fingerprint_covers_the_file_and_all_it_imports_and_nothing_else() {
    let rules = rules(vec![openai()]);
    let files = [
        ("a.js", "import './shared/mid.js'; import 'openai'"),
        ("shared/mid.js", "const d = require('./data.json')"),
        ("shared/data.json", "{}"),
        ("other.js", SDK),
    ];
    let fingerprint = |at: usize, text: &'static str| {
        let mut files = files;
        files[at].1 = text;
        let discovered = found(&rules, &folder(&rules, &files));
        candidate(&discovered, "a").fingerprint
    };
    let before = fingerprint(3, SDK);
    assert_eq!(before, fingerprint(3, "import 'openai'; f()"));
    assert_ne!(before, fingerprint(0, SDK));
    assert_ne!(before, fingerprint(1, "const d = require('./data.json') "));
    assert_ne!(before, fingerprint(2, "{ }"));
    let discovered = found(&rules, &folder(&rules, &files));
    let uses: Vec<_> = candidate(&discovered, "a").uses.iter().map(|u| &u.0).collect();
    assert_eq!(uses, ["shared/data.json", "shared/mid.js"].map(Path::new));
}

#[test]
fn what_is_broken_is_named_to_the_worker_and_keeps_what_runs() {
    let rules = rules(vec![openai()]);
    let mut listing = folder(
        &rules,
        &[
            ("a.js", "import './shared/x.js'; import 'openai'"),
            ("only.js", "import './shared/x.js'"),
            ("open.js", SDK),
        ],
    );
    let broken = Content::Rejected("it has 2 MiB; at most 1 MiB is read".to_owned());
    listing.files.insert("shared/x.js".into(), Entry::new(broken));
    let own = listing.files[Path::new("open.js")].analysis().cloned();
    let barred = Content::Untrusted {
        reason: Distrust::Open("anyone may write to it".to_owned()),
        before: own,
    };
    listing.files.insert("open.js".into(), Entry::new(barred));
    let discovered = found(&rules, &listing);
    assert_eq!(
        candidate(&discovered, "a").warnings,
        ["imports `shared/x.js`: it has 2 MiB; at most 1 MiB is read"]
    );
    let reason = verdict(&discovered, "only.js").reason.as_deref();
    assert!(reason.is_some_and(|text| text.contains("`shared/x.js` is not followed")));
    assert_eq!(verdict(&discovered, "open.js").verdict, VerdictKind::Rejected);
    assert_eq!(discovered.candidates.len(), 1);
    let runs = |id: &WorkerId| Some(PathBuf::from(format!("{id}.js")));
    let running = judge(&rules, &listing, &runs);
    assert_eq!(verdict(&running, "open.js").verdict, VerdictKind::Rejected);
    assert_eq!(candidate(&running, "open").warnings, ["anyone may write to it"]);
    assert_eq!(candidate(&running, "open").untrusted.as_deref(), Some("anyone may write to it"));
}

#[test]
fn a_worker_waits_for_a_new_helper_that_is_still_written() {
    let rules = rules(vec![openai()]);
    let mut listing = folder(&rules, &[("a.js", "import './x.js'; import 'openai'")]);
    listing.files.insert("x.js".into(), Entry::new(Content::Held));
    assert_eq!(found(&rules, &listing).candidates, []);
    let runs = |_: &WorkerId| Some(PathBuf::from("a.js"));
    assert_eq!(judge(&rules, &listing, &runs).candidates.len(), 1);
}

#[test]
fn ways_lead_below_the_outermost_folder_and_nowhere_else() {
    let import_roots = ImportRoots::new(Path::new("/site"), Path::new("/site/ai/workers"));
    for (from, specifier, path) in [
        ("shared/a.js", "../lib/x", "lib/x"),
        ("shared/a.js", "..", ""),
        ("a.js", "./x.js?v=2", "x.js"),
        ("a.js", "../x.js", "../x.js"),
        ("a.js", "../../x.js", "../../x.js"),
        ("a.js", "../../lib/x.js", "../../lib/x.js"),
        ("a.js", "..", ".."),
        ("../lib/x.js", "./y.js", "../lib/y.js"),
        ("../lib/x.js", "../workers/a.js", "a.js"),
        ("../../lib/x.js", "../ai/y.js", "../y.js"),
        ("../../lib/x.js", "../ai/workers/shared/y.js", "shared/y.js"),
        ("a.js", "/site/ai/workers/lib/x.js", "lib/x.js"),
        ("a.js", "/site/x.js", "../../x.js"),
        ("a.js", "file:///site/ai/workers/a%20b.js", "a b.js"),
    ] {
        let found = import_roots.follow(Path::new(from), specifier);
        assert_eq!(found.as_deref(), Some(Path::new(path)), "{specifier} in {from}");
    }
    for specifier in ["../../../x.js", "./shared/../../../../x.js", "/x.js", "file:///x.js"] {
        assert_eq!(import_roots.follow(Path::new("a.js"), specifier), None, "{specifier}");
    }
    let upward = import_roots.upward(Path::new("shared/a.js"));
    assert_eq!(upward, ["shared", "", "..", "../.."].map(Path::new));
    let elsewhere = ImportRoots::new(Path::new("/site"), Path::new("/srv/workers"));
    assert_eq!(elsewhere.follow(Path::new("a.js"), "../x.js"), None);
}
