//! The present errors of the log files, and how many bytes each has cost.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
};

use tokio::sync::watch;

use crate::domain::os_text;
use crate::sync::lock;

/// The errors, by file; `None` is the way to all of them.
#[derive(Debug)]
pub(super) struct LogErrors {
    by_file: Mutex<BTreeMap<Option<PathBuf>, FileError>>,
    /// Counts the times that an error began or ended.
    changes: watch::Sender<u64>,
    /// What paths are shown relative to.
    base: PathBuf,
}

#[derive(Debug)]
struct FileError {
    /// What is wrong, as the end of a sentence.
    text: String,
    lost: u64,
}

impl LogErrors {
    /// No errors; paths below `base` will be shown relative to it.
    pub(super) fn none(base: PathBuf) -> Self {
        Self { by_file: Mutex::default(), changes: watch::Sender::new(0), base }
    }

    /// The path as it is shown.
    pub(super) fn show(&self, path: &Path) -> String {
        os_text::shown_path(path.strip_prefix(&self.base).unwrap_or(path))
    }

    /// An error of this file begins, or of the way to all of them.
    pub(super) fn begin(&self, file: Option<&Path>, text: &str) {
        let text = text.to_owned();
        let mut errors = self.lock();
        let error = errors.entry(file.map(Path::to_owned));
        error.and_modify(|t| t.text.clone_from(&text)).or_insert(FileError { text, lost: 0 });
        drop(errors);
        self.notify();
    }

    /// The error cost so many bytes more. Does nothing if there is no error.
    pub(super) fn add_loss(&self, file: Option<&Path>, lost: u64) {
        if lost > 0
            && let Some(error) = self.lock().get_mut(&file.map(Path::to_owned))
        {
            error.lost += lost;
        }
    }

    /// The error is over; returns what it cost in bytes, if there was one.
    pub(super) fn end(&self, file: Option<&Path>) -> Option<u64> {
        let error = self.lock().remove(&file.map(Path::to_owned))?;
        self.notify();
        Some(error.lost)
    }

    /// Whether there is an error of the way to all files.
    pub(super) fn has_general(&self) -> bool {
        self.lock().contains_key(&None)
    }

    /// All of them, in words.
    pub(super) fn texts(&self) -> Vec<String> {
        let errors = self.lock();
        let texts = errors.iter().map(|(file, FileError { text, lost })| {
            let subject = file.as_ref().map_or_else(|| "the logs".to_owned(), |f| self.show(f));
            let cost = if *lost > 0 { format!(" ({lost} bytes lost)") } else { String::new() };
            format!("{subject} cannot be {text}{cost}")
        });
        texts.collect()
    }

    /// Changes whenever an error begins or ends. It reports at once what is there already: an
    /// error may begin with the first line of all, before anyone has subscribed.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        let mut changes = self.changes.subscribe();
        changes.mark_changed();
        changes
    }

    fn notify(&self) {
        self.changes.send_modify(|n| *n += 1);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<PathBuf>, FileError>> {
        lock(&self.by_file)
    }
}
