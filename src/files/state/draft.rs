//! Drafts: configs that are not in place, for which the running arcanos makes a plan.
//!
//! A request over HTTP must not name paths. Whoever may write to the state directory may run
//! anything as this user anyway. So a request names a draft here, and the draft names the config.

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    time::SystemTime,
};

use serde::{Deserialize, Serialize};

use super::{StateDir, StateError};
use crate::{config::Override, domain::os_text};

/// Digits of a draft's name.
const DIGITS: usize = 16;

/// A config that might take the place of the one in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Its file, absolute.
    #[serde(with = "os_text")]
    pub config: PathBuf,
    /// The profile to read it by; `None` is the one that the running arcanos was given.
    pub profile: Option<String>,
    /// What `--set` lays over it, beside what the running arcanos was given.
    #[serde(default)]
    pub overrides: Vec<Override>,
}

/// A draft that lies in the state directory, until this is dropped.
#[derive(Debug)]
pub struct LaidDraft {
    name: String,
    path: PathBuf,
}

impl LaidDraft {
    /// By what the running arcanos finds it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for LaidDraft {
    fn drop(&mut self) {
        // One that stays does no harm: nobody asks for it again.
        let _ = fs::remove_file(&self.path);
    }
}

impl StateDir {
    /// Lays a draft down, for a question to the arcanos that runs here.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn lay_draft(&self, draft: &Draft) -> Result<LaidDraft, StateError> {
        // The hasher's keys are random.
        let seed = (std::process::id(), SystemTime::now());
        let name = format!("{:0DIGITS$x}", RandomState::new().hash_one(seed));
        let file = file_of(&name);
        self.write_record(&file, draft)?;
        Ok(LaidDraft { path: self.file(&file), name })
    }

    /// The draft of this name; `None` if there is none, or if this is not the name of a draft.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn draft(&self, name: &str) -> Result<Option<Draft>, StateError> {
        let is_name = name.len() == DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_name { self.read_record(&file_of(name)) } else { Ok(None) }
    }
}

fn file_of(name: &str) -> String {
    format!("draft-{name}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_found_by_its_name_while_it_lies_there() {
        let root = tempfile::tempdir().unwrap();
        let state = StateDir::open(&root.path().join("state")).unwrap();
        let draft =
            Draft { config: "/site/next.toml".into(), profile: None, overrides: Vec::new() };
        let laid = state.lay_draft(&draft).unwrap();
        let name = laid.name().to_owned();
        assert_eq!(state.draft(&name).unwrap(), Some(draft));
        drop(laid);
        assert_eq!(state.draft(&name).unwrap(), None);
        state.write("secret.json", b"{}").unwrap();
        for odd in ["", "../secret", "0123", "0123456789abcde/", "0123456789abcdef0"] {
            assert_eq!(state.draft(odd).unwrap(), None, "{odd}");
        }
    }
}
