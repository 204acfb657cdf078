//! [`LineWatch`]: waits for a line that a run prints, on either of its pipes.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use regex::bytes::Regex;
use tokio::sync::Notify;

use crate::sync::lock;

/// A line that is waited for. Where none is, captures pass over it at the cost of one look.
#[derive(Debug, Default)]
pub struct LineWatch {
    /// Whether lines are looked at.
    is_open: AtomicBool,
    pattern: Mutex<Option<Regex>>,
    found: Notify,
}

impl LineWatch {
    /// Waits for a line that matches this pattern from now on; for none without one.
    ///
    /// A pattern that does not compile matches nothing: the config was checked.
    pub fn expect(&self, pattern: Option<&str>) {
        let compiled = pattern.and_then(|pattern| Regex::new(pattern).ok());
        self.is_open.store(compiled.is_some(), Ordering::Release);
        *lock(&self.pattern) = compiled;
    }

    /// Waits until a line was found; once for each pattern.
    ///
    /// # Cancel safety
    /// Nothing is lost: call it again.
    pub async fn found(&self) {
        self.found.notified().await;
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Looks at what was printed by this test of it, if a line is still waited for.
    pub(super) fn look(&self, matches: impl FnOnce(&Regex) -> bool) {
        let mut pattern = lock(&self.pattern);
        if pattern.as_ref().is_some_and(matches) {
            *pattern = None;
            self.is_open.store(false, Ordering::Release);
            self.found.notify_one();
        }
    }
}
