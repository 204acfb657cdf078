//! The six workers that arcanos ships with, by its own `arcanos.toml`, with the stand-in.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::{
    npm,
    site::{Setup, Site},
};

/// The workers that are shipped, and those of the Node system before arcanos.
pub(crate) const NAMES: [&str; 6] = [
    "auditProcessor",
    "clearTemp",
    "codeImprovement",
    "goalWatcher",
    "maintenanceScheduler",
    "memorySync",
];

/// The project as it is shipped, with its packages in place, and an arcanos in it.
fn shipped() -> Site {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut site = Setup::bare().env("PORT", "0").env("ARCANOS__DISCOVERY__PREPARE", "[]").lay();
    fs::copy(source.join("arcanos.toml"), site.path("arcanos.toml")).unwrap();
    copy(&source.join("workers"), &site.path("workers"));
    symlink(npm::modules(), site.path("workers/node_modules")).unwrap();
    site.start();
    site
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_name() == "node_modules" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn all_six_run_once_at_start_and_are_scheduled_again() {
    let site = shipped();
    let done = site.wait("six runs to end well", |picture| {
        let is_done = |id: &&str| {
            picture.worker(id).state() == "scheduled" && picture.worker(id).starts() > 0
        };
        picture.ids() == NAMES && picture.ids().iter().all(is_done)
    });
    for name in NAMES {
        let worker = done.worker(name);
        assert_eq!(worker.at("/lastExit/code"), 0, "{name}");
        assert!(worker.at("/nextStartAt").is_string(), "{name}");
        site.wait_said(&format!("[{name}] result: "));
        site.wait_said(&format!("✅ {name} running with model: gpt-4o-mini"));
        site.wait_said(&format!("Found OpenAI SDK worker: {name}.js"));
    }
    assert_eq!(site.get("/workers/status")["summary"]["totalWorkers"], 6);
    assert!(site.path("memory/goals.md").exists() && site.path("memory/summary.md").exists());
    let files = site.get("/discovery")["files"].as_array().unwrap().clone();
    assert_eq!(files.iter().filter(|file| file["verdict"] == "worker").count(), 6);
}
