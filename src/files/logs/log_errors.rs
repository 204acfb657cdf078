//! What is wrong with the logs right now, and what it cost.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
};

use tokio::sync::watch;

use crate::sync::lock;

/// The troubles, by the file they are about.
#[derive(Debug)]
pub(super) struct LogErrors {
    by_file: Mutex<BTreeMap<Option<PathBuf>, Trouble>>,
    /// Counts the times that a trouble came or went.
    changes: watch::Sender<u64>,
    /// What paths are shown relative to.
    base: PathBuf,
}

#[derive(Debug)]
struct Trouble {
    /// What is wrong, as the end of a sentence.
    text: String,
    lost: u64,
}

impl LogErrors {
    /// No troubles; paths below `base` will be shown relative to it.
    pub(super) fn none(base: PathBuf) -> Self {
        Self { by_file: Mutex::default(), changes: watch::Sender::new(0), base }
    }

    /// The path as it is shown.
    pub(super) fn show<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.base).unwrap_or(path).display()
    }

    /// Something is wrong with this file, or with the way to all of them.
    pub(super) fn begin(&self, file: Option<&Path>, text: &str) {
        let text = text.to_owned();
        let mut log_errors = self.lock();
        let trouble = log_errors.entry(file.map(Path::to_owned));
        trouble.and_modify(|t| t.text.clone_from(&text)).or_insert(Trouble { text, lost: 0 });
        drop(log_errors);
        self.tell();
    }

    /// It cost so many bytes more. Says nothing if nothing is known to be wrong.
    pub(super) fn add_loss(&self, file: Option<&Path>, lost: u64) {
        if lost > 0
            && let Some(trouble) = self.lock().get_mut(&file.map(Path::to_owned))
        {
            trouble.lost += lost;
        }
    }

    /// It is over; returns what it cost in bytes, if there was something wrong at all.
    pub(super) fn end(&self, file: Option<&Path>) -> Option<u64> {
        let trouble = self.lock().remove(&file.map(Path::to_owned))?;
        self.tell();
        Some(trouble.lost)
    }

    /// Whether something is wrong with the way to the files.
    pub(super) fn has_general(&self) -> bool {
        self.lock().contains_key(&None)
    }

    /// All of them, in words.
    pub(super) fn texts(&self) -> Vec<String> {
        let log_errors = self.lock();
        let texts = log_errors.iter().map(|(file, Trouble { text, lost })| {
            let subject =
                file.as_ref().map_or_else(|| "the logs".to_owned(), |f| self.show(f).to_string());
            let cost = if *lost > 0 { format!(" ({lost} bytes lost)") } else { String::new() };
            format!("{subject} cannot be {text}{cost}")
        });
        texts.collect()
    }

    /// Changes whenever a trouble comes or goes.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn tell(&self) {
        self.changes.send_modify(|n| *n += 1);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<PathBuf>, Trouble>> {
        lock(&self.by_file)
    }
}
