//! [`Inputs`]: the text, environment and options that a config is made of.

use std::{collections::BTreeMap, fmt, path::Path};

use serde::{Deserialize, Serialize};

use super::error::Place;

/// All that a config is made of.
pub struct Inputs<'a> {
    /// The config file, absolute. Errors show its name; relative paths start at its folder.
    pub file: &'a Path,
    /// What the file says.
    pub text: &'a str,
    /// The environment of arcanos's process, as [`os_text`](crate::domain::os_text) keeps it.
    pub environment: &'a BTreeMap<String, String>,
    /// Reads a dotenv or token file by its absolute path; `None` if there is none.
    #[expect(clippy::type_complexity, reason = "said in full, it needs no other name")]
    pub read: &'a dyn Fn(&Path) -> Result<Option<Vec<u8>>, String>,
    /// The profile the command line names.
    pub profile: Option<&'a str>,
    /// What the command line sets, in its order; the last layers.
    pub overrides: &'a [Override],
}

/// One `--set KEY=VALUE` of the command line.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The key as it was given: a dotted path, like `server.listen`.
    pub key: String,
    /// The text of the value: TOML, or plain text.
    pub value: String,
}

impl Inputs<'_> {
    /// Where relative paths start.
    pub(super) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or_else(|| Path::new("/"))
    }

    /// The profile, with who chose it if somebody did.
    pub(super) fn profile(&self) -> (&str, Option<Place>) {
        let set = |name: &str| {
            let value = self.environment.get(name).map(|v| v.trim());
            value.filter(|v| !v.is_empty())
        };
        if let Some(profile) = self.profile {
            return (profile, Some(Place::CommandLine("--profile".to_owned())));
        }
        if let Some(profile) = set("ARCANOS_PROFILE") {
            return (profile, Some(Place::Environment("ARCANOS_PROFILE".to_owned())));
        }
        match set("NODE_ENV") {
            Some("production") => ("production", None),
            _ => ("development", None),
        }
    }
}

/// `Debug` shows no value, which may be a secret.
impl fmt::Debug for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Override").field("key", &self.key).finish_non_exhaustive()
    }
}

/// `Debug` shows nothing of the text and the variables, which may hold secrets.
impl fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs")
            .field("file", &self.file)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}
