//! [`Hidden`]: the keys and variables whose values are never shown.

use figment::value::Value;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::key::KeyPath;

/// The keys whose values are never repeated, whatever they hold: commands and their arguments,
/// addresses that are asked, and patterns. Any of them may hold a password.
const UNREPEATED: [&str; 15] = [
    "command",
    "args",
    "prepare",
    "http",
    "redact",
    "ready_line",
    "any",
    "all",
    "none",
    "files",
    "imports",
    "ignore",
    "inherit",
    "secret",
    "watch",
];

/// The characters of a text that may be a URL with a user name, a query or a fragment.
const OF_URLS: [char; 3] = ['@', '?', '#'];

/// The patterns of names whose values are never shown.
#[derive(Clone, Debug)]
pub(super) struct Hidden(GlobSet);

impl Hidden {
    /// The names that any of these trees calls secret under `env.secret`, or in a profile.
    ///
    /// It is asked before the trees are known to be good, so it takes what it can read.
    pub(super) fn of<'v>(trees: impl Iterator<Item = &'v Value>) -> Self {
        let mut globs = Vec::new();
        for tree in trees {
            collect(tree, &mut globs);
            if let Some(Value::Dict(_, profiles)) = KeyPath::of("profiles").find(tree) {
                for profile in profiles.values() {
                    collect(profile, &mut globs);
                }
            }
        }
        Self::matching(globs)
    }

    /// The names that match one of these globs, in upper or lower case; bad globs match none.
    pub(super) fn matching<'g>(globs: impl IntoIterator<Item = &'g str>) -> Self {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            if let Ok(glob) = GlobBuilder::new(glob).case_insensitive(true).build() {
                set.add(glob);
            }
        }
        Self(set.build().unwrap_or_else(|_| GlobSet::empty()))
    }

    /// Whether the variable of this name is secret.
    pub(super) fn is_secret(&self, variable: &str) -> bool {
        self.0.is_match(variable)
    }

    /// Whether errors must not repeat what this key is set to.
    ///
    /// Beside secret names those are all variables given to workers: a key may well be passed
    /// under a name that no pattern knows.
    pub(super) fn hides(&self, path: &KeyPath) -> bool {
        let names = path.names();
        let inner = match names.as_slice() {
            ["profiles", _, inner @ ..] => inner,
            all => all,
        };
        match inner {
            ["env", "set", _, ..] | ["workers", _, "env", _, ..] | ["server", "token", ..] => true,
            ["server", "token_file", ..] | ["env", "files", ..] | ["discovery", "watch", ..] => {
                false
            }
            _ if inner.iter().any(|name| UNREPEATED.contains(name)) => true,
            _ => path.last_key().is_some_and(|key| self.is_secret(key)),
        }
    }

    /// Whether errors must not repeat this text, which this key is set to.
    ///
    /// A URL with a password may stand where it does not belong, so this depends on what the text
    /// looks like too. Of `model.upstream` only a word is repeated, as `opanai`: with a slip in it
    /// an address may look like anything.
    pub(super) fn hides_text(&self, path: &KeyPath, text: &str) -> bool {
        let is_word = || text.chars().all(|c| c.is_ascii_alphabetic());
        self.hides(path)
            || text.contains(OF_URLS)
            || (path.last_key() == Some("upstream") && !is_word())
    }
}

fn collect<'v>(tree: &'v Value, globs: &mut Vec<&'v str>) {
    if let Some(Value::Array(_, list)) = KeyPath::of("env.secret").find(tree) {
        globs.extend(list.iter().filter_map(Value::as_str));
    }
}
