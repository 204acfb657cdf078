//! Measures arcanos from outside, beside floors: `cargo bench --bench supervisor`.
//!
//! Every row is taken with tiny static workers, so that the supervisor is measured, and with all
//! guarantees on. Figures move from machine to machine and from hour to hour; what counts is the
//! ratio to the floor of the same run. Words behind `--` choose groups of rows, see [`GROUPS`];
//! `growth` shows the curve to 5,000 workers instead. The result is printed as a Markdown table,
//! and kept in `target/bench.md` and `target/bench.json`.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod figure;
mod floor;
mod growth;
mod life;
mod load;
mod output;
mod probe;
mod site;
mod start_up;
mod status;
#[path = "../../tests/support/mod.rs"]
#[expect(dead_code, reason = "the bench uses a part of it")]
#[expect(clippy::unwrap_used, reason = "made for tests, which fail there")]
mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use figure::Figure;
use tempfile::TempDir;

/// What all rows need.
pub(crate) struct Ground {
    pub(crate) scratch: TempDir,
    /// The program that workers are.
    pub(crate) worker: PathBuf,
    /// Memory of a bare server that says hello, in MiB.
    pub(crate) hello: f64,
}

/// A group of rows.
struct Group {
    name: &'static str,
    measure: fn(&Ground) -> Vec<Figure>,
}

/// All groups, in order.
const GROUPS: [Group; 9] = [
    Group { name: "start-up", measure: start_up::own },
    Group { name: "one", measure: |ground| life::crowd(ground, 1, 1) },
    Group { name: "hundred", measure: |ground| life::crowd(ground, 100, 5) },
    Group { name: "thousand", measure: |ground| life::crowd(ground, 1000, 3) },
    Group { name: "changes", measure: changes },
    Group { name: "output", measure: |ground| output::floods(ground, 3) },
    Group { name: "status", measure: statuses },
    Group { name: "node", measure: |ground| start_up::node(ground).into_iter().collect() },
    Group { name: "idle", measure: |ground| life::idle(ground, 100, Duration::from_secs(60)) },
];

fn changes(ground: &Ground) -> Vec<Figure> {
    let mut figures = vec![life::drop_in(ground), life::crash(ground)];
    figures.extend(life::change(ground, 1000, 7));
    figures.push(life::killed(ground));
    figures
}

fn statuses(ground: &Ground) -> Vec<Figure> {
    let mut figures = status::rates(ground, 100, &[1, 16, 64]);
    figures.extend(status::rates(ground, 1000, &[1, 16, 64]));
    figures
}

fn main() {
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .filter_map(|word| word.into_string().ok())
        .filter(|word| word != "--bench")
        .collect();
    if let [word, bytes] = words.as_slice()
        && word == floor::SERVE
    {
        return floor::serve(bytes.parse().expect("a number of bytes"));
    }
    let ground = prepare();
    if words.iter().any(|word| word == "growth") {
        println!("{}", growth::curve(&ground));
        return;
    }
    let start = Instant::now();
    let mut figures = Vec::new();
    let is_chosen = |group: &&Group| words.is_empty() || words.iter().any(|w| w == group.name);
    for group in GROUPS.iter().filter(is_chosen) {
        for figure in (group.measure)(&ground) {
            eprintln!("{}", figure.row());
            figures.push(figure);
        }
    }
    let table = table(&figures);
    println!("{table}\nTook {} s.", start.elapsed().as_secs());
    keep(&figures, &table);
}

fn prepare() -> Ground {
    let scratch = TempDir::with_prefix_in("bench", env!("CARGO_TARGET_TMPDIR"))
        .expect("a folder for the bench");
    let worker = scratch.path().join("worker");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/supervisor/worker.rs");
    let built = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition", "2024", "-O", "-C", "panic=abort", "-C", "strip=symbols"])
        .args(["-C", "target-feature=+crt-static", "-o"])
        .arg(&worker)
        .arg(source)
        .status();
    assert!(built.is_ok_and(|status| status.success()), "the worker can be built");
    let server = floor::Server::start(5);
    let answer = load::fetch(server.address, "/");
    assert!(answer.is_some(), "the static server answers");
    let hello = probe::pss(server.pid());
    Ground { scratch, worker, hello }
}

fn table(figures: &[Figure]) -> String {
    let rows: Vec<String> = figures.iter().map(Figure::row).collect();
    format!("{}\n\n{}\n{}", machine(), figure::HEAD, rows.join("\n"))
}

/// On what and when this was measured.
#[expect(clippy::disallowed_methods, reason = "the date is for people, in their own zone")]
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.unwrap_or("?").trim_start_matches([' ', '\t', ':']).to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
    let today = jiff::Zoned::now().date();
    format!("{cores} × {model}, Linux {kernel}, {today}")
}

fn keep(figures: &[Figure], table: &str) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("tmp is in target");
    let rows: Vec<_> = figures.iter().map(Figure::json).collect();
    let json = serde_json::json!({ "machine": machine(), "rows": rows });
    let written = fs::write(target.join("bench.json"), format!("{json:#}\n"))
        .and_then(|()| fs::write(target.join("bench.md"), format!("{table}\n")));
    written.expect("to keep the table");
}
