//! The project's own code: every file of `src/` that is not a test.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::tokens;

/// One file.
pub(super) struct Source {
    /// Under `src/`.
    pub(super) name: String,
    /// Without comments, literals and the tests at its end.
    pub(super) code: String,
    pub(super) text: String,
}

impl Source {
    pub(super) fn new(name: String, text: String) -> Self {
        let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        Self { name, code: tokens::without_literals(own), text }
    }

    /// The room: the folder or file right under `src/`.
    pub(super) fn room(&self) -> &str {
        self.name.split(['/', '.']).next().unwrap()
    }

    /// The path of its module, without `crate`: empty for the root.
    pub(super) fn module(&self) -> String {
        let path = self.name.trim_end_matches(".rs").trim_end_matches("/mod");
        if path == "lib" { String::new() } else { path.replace('/', "::") }
    }

    fn is_test(&self) -> bool {
        self.name.contains("/tests/") || self.name.ends_with("/tests.rs")
    }
}

/// All of them, but `main.rs`, which is a crate of its own.
pub(super) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 100, "only {} files found", files.len());
    files.sort();
    let sources = files.iter().map(|file| {
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        Source::new(name, fs::read_to_string(file).unwrap())
    });
    sources.filter(|source| !source.is_test() && source.name != "main.rs").collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
