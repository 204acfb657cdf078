//! The ways to a local file: by the rules of Node, TypeScript and Python.

use std::path::{Path, PathBuf};

use super::{
    super::{Installed, MAX_DEPTH, Rules},
    Listing, VerdictKind, candidate, folder, found, kinds, openai, rule, rules, words,
};

const SDK: &str = "import 'openai';";

/// Rules for JavaScript, TypeScript and Python, all of which ask for the SDK.
fn all() -> Rules {
    let mut every = openai();
    every.files = words(&["*.js", "*.mjs", "*.cjs", "*.ts", "*.mts", "*.cts", "*.tsx", "*.py"]);
    rules(vec![every])
}

/// What the one local import of `a.*` means.
fn meant(files: &[(&str, &str)]) -> Vec<String> {
    let listing = folder(&all(), files);
    let (from, _) = files[0];
    let found = listing.imports_of(Path::new(from));
    found.iter().map(|path| path.display().to_string()).collect()
}

#[test]
fn typescript_finds_its_own_files_by_javascripts_names() {
    for (specifier, file) in [
        ("./c", "c.ts"),
        ("./c", "c.tsx"),
        ("./c", "c.mts"),
        ("./c", "c.cts"),
        ("./c.js", "c.ts"),
        ("./c.js", "c.tsx"),
        ("./c.mjs", "c.mts"),
        ("./c.cjs", "c.cts"),
        ("./c.jsx", "c.tsx"),
        ("./c.ts", "c.ts"),
        ("./c", "c/index.ts"),
        ("./c/", "c/index.tsx"),
        ("./c.js", "c.js"),
    ] {
        let text = format!("import {{ x }} from '{specifier}';");
        assert_eq!(meant(&[("a.ts", &text), (file, SDK)]), [file], "{specifier}");
    }
    let both = [("a.ts", "import './c.js'"), ("c.ts", SDK), ("c.js", SDK)];
    assert_eq!(meant(&both), ["c.ts"], "the source is meant, not what is made of it");
    let plain = [("a.js", "import './c.js'"), ("c.ts", SDK), ("c.js", SDK)];
    assert_eq!(meant(&plain), ["c.js"]);
}

#[test]
fn a_tsconfig_says_where_names_lead() {
    let base = r#"{"compilerOptions": {"baseUrl": "./workers", "paths": {"@lib/*": ["lib/*"]}}}"#;
    for (config, name, file) in [
        (base, "@lib/c", "lib/c.ts"),
        (base, "lib/c", "lib/c.ts"),
        (r#"{"compilerOptions": {"paths": {"@/*": ["./workers/lib/*"]}}}"#, "@/c.js", "lib/c.ts"),
        (r#"{"extends": "./base"}"#, "@lib/c", "lib/c.ts"),
    ] {
        let text = format!("import '{name}'");
        let files =
            [("a.ts", &*text), (file, SDK), ("../tsconfig.json", config), ("../base.json", base)];
        assert_eq!(meant(&files), [file], "{name} by {config}");
        let named = [files[0], files[1], files[2], ("../tsconfig.base.json", base)];
        let config = config.replace("./base", "./tsconfig.base");
        let named = [named[0], named[1], ("../tsconfig.json", &*config), named[3]];
        assert_eq!(meant(&named), [file], "{name} by {config}");
    }
}

#[test]
fn the_imports_of_a_package_are_local() {
    let package =
        r##"{"imports": {"#lib/*": "./workers/lib/*", "#c": {"node": "./workers/c.js"}}}"##;
    for (text, file) in
        [("import '#lib/x.js'", "lib/x.js"), ("import '#c'", "c.js"), ("require(`#c`)", "c.js")]
    {
        let files = [("a.js", text), (file, SDK), ("../package.json", package)];
        assert_eq!(meant(&files), [file], "{text}");
        let nearer = [files[0], files[1], files[2], ("package.json", "{}")];
        assert_eq!(meant(&nearer), [""; 0], "the nearest package counts");
    }
    let discovered = {
        let files = [("a.js", "import '#c'"), ("c.js", SDK), ("../package.json", package)];
        let rules = all();
        found(&rules, &folder(&rules, &files))
    };
    assert!(!kinds(&discovered).contains_key("../package.json"), "it is not a file of the folder");
}

#[test]
fn programs_and_addresses_that_a_file_names_are_its_helpers() {
    let rules = all();
    for (text, helper) in [
        ("new Worker(new URL('./x.js', import.meta.url))", "x.js"),
        ("new Worker('./x.js')", "x.js"),
        ("new Worker('./workers/x.js')", "x.js"),
        ("fork('workers/x.js')", "x.js"),
        ("fork(path.join(__dirname, 'x'))", "x.js"),
        ("fork(`${__dirname}/x.js`)", "x.js"),
        ("import '/site/workers/x.js'", "x.js"),
        ("import('file:///site/workers/x.js')", "x.js"),
        ("module.require('./x')", "x.js"),
        ("const r = createRequire(import.meta.url); r('./x.js')", "x.js"),
    ] {
        let text = format!("import 'openai'; {text}");
        let discovered = found(&rules, &folder(&rules, &[("a.js", &text), (helper, SDK)]));
        assert_eq!(kinds(&discovered)[helper], VerdictKind::Helper, "{text}");
        assert_eq!(candidate(&discovered, "a").uses.len(), 1, "{text}");
    }
    let text = "import 'openai'; fs.writeFileSync(path.join(__dirname, 'state.json'), '{}')";
    let listing = folder(&rules, &[("a.js", text), ("state.json", "{}")]);
    let uses = candidate(&found(&rules, &listing), "a").uses.clone();
    assert_eq!(uses, [], "data may be what the program itself writes");
}

#[test]
fn a_package_that_is_linked_is_local_and_an_installed_one_is_not() {
    let rules = all();
    let with = |manifest: &str, installed| -> Listing {
        let files = [
            ("a.js", "require('@acme/shared'); require('@acme/shared/deep/x')"),
            ("../packages/shared/package.json", manifest),
            ("../packages/shared/lib/main.js", "require('openai')"),
            ("../packages/shared/deep/x.js", ""),
        ];
        let mut listing = folder(&rules, &files);
        listing.packages.insert("../node_modules/@acme/shared".into(), installed);
        listing
    };
    let linked = || Installed::Linked("../packages/shared".into());
    let both =
        ["../packages/shared/lib/main.js", "../packages/shared/deep/x.js"].map(PathBuf::from);
    let main = with(r#"{"main": "lib/main"}"#, linked());
    assert_eq!(main.imports_of(Path::new("a.js")), both);
    assert_eq!(found(&rules, &main).candidates.len(), 1, "it reaches the SDK by the package");
    let exports = r#"{"exports": {".": {"require": "./lib/main.js"}, "./deep/*": "./deep/*.js"}}"#;
    assert_eq!(with(exports, linked()).imports_of(Path::new("a.js")), both);
    assert_eq!(
        with("{}", Installed::Copy).imports_of(Path::new("a.js")),
        [""; 0].map(PathBuf::from)
    );
    let open = with("{}", Installed::Open("anyone may write there".to_owned()));
    let text = "import 'openai'; require('@acme/shared')";
    let mut files = folder(&rules, &[("a.js", text)]);
    files.packages = open.packages;
    let warnings = candidate(&found(&rules, &files), "a").warnings.clone();
    assert_eq!(warnings, ["anyone may write there"]);
}

#[test]
fn python_is_read_by_its_own_rules() {
    let rules = all();
    let listing = folder(
        &rules,
        &[
            ("a.py", "import openai"),
            ("b.py", "from openai.types import chat"),
            ("c.py", "import client"),
            ("client.py", "import openai"),
            ("d.py", "from pkg.deep import tool"),
            ("pkg/__init__.py", ""),
            ("pkg/deep/__init__.py", "from . import other"),
            ("pkg/deep/tool.py", "from ..base import x"),
            ("pkg/deep/other.py", ""),
            ("pkg/base.py", "import openai"),
            ("n.py", "# import openai\ns = 'import openai'\nimport openai_edge"),
        ],
    );
    let discovered = found(&rules, &listing);
    let workers: Vec<_> = discovered.candidates.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(workers, ["a", "b", "c", "d"]);
    assert_eq!(kinds(&discovered)["client.py"], VerdictKind::Helper);
    let uses: Vec<_> =
        candidate(&discovered, "d").uses.iter().map(|u| u.0.display().to_string()).collect();
    let expected = [
        "pkg/__init__.py",
        "pkg/base.py",
        "pkg/deep/__init__.py",
        "pkg/deep/other.py",
        "pkg/deep/tool.py",
    ];
    assert_eq!(uses, expected);
}

#[test]
fn a_rule_of_regexes_has_pythons_code_and_helpers_too() {
    let mut py = rule("py", &["*.py"]);
    py.any = words(&["run_model"]);
    py.on = crate::config::View::Code;
    let rules = rules(vec![py]);
    let listing = folder(
        &rules,
        &[
            ("a.py", "import tools\nrun_model()"),
            ("b.py", "# run_model()\ns = \"run_model()\""),
            ("tools.py", "def run_model(): pass"),
        ],
    );
    let discovered = found(&rules, &listing);
    let workers: Vec<_> = discovered.candidates.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(workers, ["a"]);
    assert_eq!(kinds(&discovered)["tools.py"], VerdictKind::Helper);
}

#[test]
fn imports_are_followed_so_deep_and_then_it_is_said() {
    let rules = rules(vec![openai()]);
    let names: Vec<String> = (0..=MAX_DEPTH + 1).map(|n| format!("lib/{n}.js")).collect();
    let verdict_of = |deepest: usize| {
        let texts: Vec<String> = (0..deepest)
            .map(|n| format!("import './{}.js'", n + 1))
            .chain([SDK.to_owned()])
            .collect();
        let mut files: Vec<(&str, &str)> =
            names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
        files.push(("a.js", "import './lib/0.js'"));
        let discovered = found(&rules, &folder(&rules, &files));
        let verdict = super::verdict(&discovered, "a.js");
        (verdict.verdict, verdict.reason.clone().unwrap_or_default())
    };
    assert_eq!(verdict_of(MAX_DEPTH - 1).0, VerdictKind::Worker);
    let (kind, reason) = verdict_of(MAX_DEPTH);
    assert_eq!(kind, VerdictKind::Ignored);
    assert!(reason.contains("64 deep, 4096 in all"), "{reason}");
}
