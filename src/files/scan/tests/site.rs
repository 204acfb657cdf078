//! A folder of workers on the disk, and what looks at it.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    config::{self, View},
    discovery::{Content, Rules, judge},
    domain::Mode,
    files::{ChangedPaths, Scan, ScanError, Scanner},
};

pub(super) const SDK: &str = "import 'openai';\n";

/// A folder of workers and what looks at it.
pub(super) struct Site {
    pub(super) folder: TempDir,
    pub(super) rules: Rules,
    pub(super) scanner: Scanner,
    pub(super) now: Instant,
}

impl Site {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("workers")).expect("a folder in it");
        Self {
            scanner: Scanner::new(folder.path()),
            folder,
            rules: rules("openai", Recursion::Off),
            now: Instant::now(),
        }
    }

    pub(super) fn workers(&self) -> PathBuf {
        self.folder.path().join("workers")
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.workers().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.at(name).parent().expect("a folder")).expect("a folder");
        fs::write(self.at(name), text).expect("a file");
    }

    pub(super) fn try_scan(&mut self) -> Result<Scan, ScanError> {
        let workers = self.workers();
        self.scanner.scan(&self.rules, &workers, self.now, &ChangedPaths::Anything)
    }

    pub(super) fn scan(&mut self) -> Scan {
        self.try_scan().expect("a folder that can be followed")
    }

    /// Looks until all is read; where there are no leases, that takes a moment.
    pub(super) fn settled(&mut self) -> Scan {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let scan = self.scan();
            let is_held = |c: &Content| matches!(c, Content::Held);
            if !scan.listing.files.values().any(|e| is_held(&e.content)) {
                return scan;
            }
            assert!(Instant::now() < deadline, "still held: {scan:?}");
            thread::yield_now();
        }
    }

    /// The workers that a look finds, with their fingerprints.
    pub(super) fn found(&self, scan: &Scan) -> Vec<(String, u128)> {
        judge(&self.rules, &scan.listing, &|_| None)
            .candidates
            .into_iter()
            .map(|c| (c.id.to_string(), c.fingerprint.0))
            .collect()
    }

    pub(super) fn ids(&self, scan: &Scan) -> Vec<String> {
        self.found(scan).into_iter().map(|(id, _)| id).collect()
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Recursion {
    On,
    Off,
}

pub(super) fn rules(package: &str, recursion: Recursion) -> Rules {
    Rules::compile(&discovery(package, recursion)).expect("good rules")
}

/// Rules by which what anyone may write to runs.
pub(super) fn lenient_rules() -> Rules {
    let mut discovery = discovery("openai", Recursion::Off);
    discovery.world_writable = config::WorldWritable::Warn;
    Rules::compile(&discovery).expect("good rules")
}

fn discovery(package: &str, recursion: Recursion) -> config::Discovery {
    let rule = config::Rule {
        name: "node".to_owned(),
        files: vec!["*.js".to_owned()],
        imports: vec![package.to_owned()],
        any: Vec::new(),
        all: Vec::new(),
        none: Vec::new(),
        on: View::Raw,
        command: vec!["node".to_owned()],
        ipc: true,
        mode: Mode::Auto,
    };
    config::Discovery {
        directory: PathBuf::new(),
        ignore: vec!["shared/**".to_owned()],
        recursive: recursion == Recursion::On,
        scan_interval: Duration::from_secs(30),
        watch: config::Watch::Auto,
        world_writable: config::WorldWritable::Reject,
        prepare: crate::config::Prepare::Auto,
        rules: vec![rule],
    }
}

pub(super) fn reason(scan: &Scan, name: &str) -> String {
    let entry = scan.listing.files.get(Path::new(name));
    let entry = entry.unwrap_or_else(|| panic!("{name} is not listed"));
    entry.fault().unwrap_or_default().to_owned()
}
