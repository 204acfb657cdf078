//! Measures the pure parts that meet volume: `cargo bench --features internals --bench pure`.
//!
//! A harness of its own: each part is run again and again for half a second, and the fastest fifth
//! counts, which is what the machine does when nobody else wants it.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::{
    collections::BTreeMap,
    hint::black_box,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use arcanos::internals::{
    config::{self, Config},
    discovery::{Content, Entry, ImportRoots, Listing, Rules, analyse, judge},
    domain::WorkerId,
    plan::{Desired, Surroundings, desired, reconcile},
    text::{Redactor, lines, push_shown},
};

/// How long each part is measured.
const SPAN: Duration = Duration::from_millis(500);

/// Workers of the large site.
const WORKERS: usize = 10_000;

fn main() {
    println!("| what | time | rate |\n|---|---|---|");
    output();
    code();
    plans();
}

/// Prints a row: the time of one run, and how many of a unit that is a second.
fn row(name: &str, (amount, unit): (f64, &str), mut run: impl FnMut()) {
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed() < SPAN || times.len() < 5 {
        let begin = Instant::now();
        run();
        times.push(begin.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let best = times[times.len() / 5];
    println!("| {name} | {:.3} ms | {:.1} {unit}/s |", best * 1e3, amount / best);
}

/// What every byte of output goes through.
fn output() {
    let line =
        b"2026-11-23T17:00:00.000Z INFO request 4711 done in 42 ms, 17 tokens of 4096 used\n";
    let text = line.repeat((1 << 20) / line.len());
    let megabytes = text.len() as f64 / 1e6;
    let mib = (megabytes, "MB");
    row("split 1 MiB of output into lines", mib, || {
        black_box(lines(black_box(&text)).count());
    });
    let secrets: Vec<(String, String)> =
        (0..8).map(|n| (format!("KEY_{n}"), format!("s3cr3t-value-{n}-0123456789"))).collect();
    let patterns = ["sk-[A-Za-z0-9_-]{16,}".to_owned()];
    let redactor = Redactor::new(&secrets, &patterns).expect("good patterns");
    row("redact 1 MiB with 8 secrets and a pattern, none in it", mib, || {
        black_box(redactor.redact(black_box(&text)));
    });
    let mut guilty = text.clone();
    guilty.extend_from_slice(b"the key is s3cr3t-value-3-0123456789\n");
    row("redact 1 MiB with one secret in it", mib, || {
        black_box(redactor.redact(black_box(&guilty)));
    });
    let mut shown = Vec::new();
    row("show 1 MiB for the session log", mib, || {
        shown.clear();
        for line in lines(&text) {
            push_shown(&mut shown, line.text, usize::MAX);
            shown.push(b'\n');
        }
        black_box(&shown);
    });
}

/// What is found in code.
fn code() {
    let rules = Rules::compile(&site("").discovery).expect("good rules");
    let unit = "import OpenAI from 'openai'; // a comment about \"quotes\"\n\
        import { run } from './shared/runner.js';\n\
        const text = `a template with ${process.env.AI_MODEL ?? 'none'} in it`;\n\
        export default async (input) => /a[/]b/.test(input) ? run(text) : null;\n";
    let text = unit.repeat(64 * 1024 / unit.len());
    let megabytes = text.len() as f64 / 1e6;
    row("code view, imports and reads of 64 KiB of JavaScript", (megabytes, "MB"), || {
        black_box(analyse(&rules, Path::new("a.mjs"), black_box(text.as_bytes())));
    });
    let listing = chains(&rules);
    row("verdicts of 1,000 files that import 100 helpers", (1.1, "k files"), || {
        black_box(judge(&rules, &listing, &|_| None));
    });
}

/// What a pass over a large site costs beside the disk.
fn plans() {
    let config = Arc::new(site(""));
    let rules = Rules::compile(&config.discovery).expect("good rules");
    let listing = many(&rules);
    let amount = (WORKERS as f64 / 1e3, "k workers");
    row("verdicts of 10,000 workers", amount, || {
        black_box(judge(&rules, &listing, &|_| None));
    });
    let candidates = judge(&rules, &listing, &|_| None).candidates;
    let around = Surroundings { base: "/site".into(), upstream: None, packages: None };
    let first = desired(&config, &candidates, &around, &Desired::default());
    row("specs of 10,000 new workers", amount, || {
        black_box(desired(&config, &candidates, &around, &Desired::default()));
    });
    row("specs of 10,000 workers, none changed", amount, || {
        black_box(desired(&config, &candidates, &around, &first));
    });
    let edited = Arc::new(site("[workers.w5000.env]\nX = \"1\"\n"));
    row("specs of 10,000 workers, the config edited", amount, || {
        black_box(desired(&edited, &candidates, &around, &first));
    });
    let running: Vec<_> = first.workers.values().cloned().collect();
    let second = desired(&edited, &candidates, &around, &first);
    row("difference of 10,000 workers, one changed", amount, || {
        black_box(reconcile(&second, &running, &first));
    });
}

/// A config with this beside the defaults.
fn site(text: &str) -> Config {
    let environment =
        BTreeMap::from([("OPENAI_API_KEY".to_owned(), "sk-0123456789abcdef".to_owned())]);
    let loaded = config::load(&config::Inputs {
        file: Path::new("/site/arcanos.toml"),
        text,
        environment: &environment,
        read: &|_| Ok(None),
        profile: None,
        overrides: &[],
    });
    loaded.expect("a good config").config
}

fn listing(files: BTreeMap<PathBuf, Entry>) -> Listing {
    Listing {
        directory: "/site/workers".into(),
        import_roots: ImportRoots::default(),
        packages: Default::default(),
        files,
    }
}

fn entry(rules: &Rules, path: &Path, text: &str) -> Entry {
    Entry::new(Content::Analysed(Arc::new(analyse(rules, path, text.as_bytes()))))
}

/// Workers without helpers.
fn many(rules: &Rules) -> Listing {
    let file = |n: usize| {
        let id = WorkerId::parse(&format!("w{n:04}")).expect("a good id");
        let path = PathBuf::from(format!("{id}.mjs"));
        let entry = entry(rules, &path, "import OpenAI from 'openai';\n");
        (path, entry)
    };
    listing((0..WORKERS).map(file).collect())
}

/// Workers that come to the package through helpers, three deep.
fn chains(rules: &Rules) -> Listing {
    let mut files = BTreeMap::new();
    for n in 0..1000 {
        let path = PathBuf::from(format!("w{n:04}.mjs"));
        let text = format!("import {{ run }} from './lib/h{}.mjs';\n", n % 100);
        files.insert(path.clone(), entry(rules, &path, &text));
    }
    for n in 0..100 {
        let path = PathBuf::from(format!("lib/h{n}.mjs"));
        let text = match n % 3 {
            0 => "import OpenAI from 'openai';\nexport const run = 1;\n".to_owned(),
            _ => format!("export {{ run }} from './h{}.mjs';\n", n - 1),
        };
        files.insert(path.clone(), entry(rules, &path, &text));
    }
    listing(files)
}
