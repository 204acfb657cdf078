//! What events have told since the last look.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// So many names are told apart; more are a change of everything, as in a checkout.
const MAX_NAMES: usize = 32;

/// What may have changed since the last look.
///
/// It only ever narrows where is looked. What is there, the disk says; and at every
/// `discovery.scan_interval` it is found out whether anything else has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedPaths {
    /// What bears these names, as events told them, and nothing else.
    Names(BTreeSet<PathBuf>),
    /// Anything.
    Anything,
}

impl Default for ChangedPaths {
    fn default() -> Self {
        Self::Names(BTreeSet::new())
    }
}

impl ChangedPaths {
    /// Adds a name.
    pub(super) fn add(&mut self, path: &Path) {
        if let Self::Names(names) = self {
            names.insert(path.to_path_buf());
            if names.len() > MAX_NAMES {
                *self = Self::Anything;
            }
        }
    }

    /// The same without the names that mean nothing to who reads it.
    #[must_use]
    pub fn without(self, is_foreign: impl Fn(&Path) -> bool) -> Self {
        match self {
            Self::Names(mut names) => {
                names.retain(|path| !is_foreign(path));
                Self::Names(names)
            }
            Self::Anything => Self::Anything,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_anything() {
        let mut news = ChangedPaths::default();
        for at in 0..MAX_NAMES {
            news.add(Path::new(&format!("/site/workers/{at}.js")));
        }
        assert!(matches!(&news, ChangedPaths::Names(names) if names.len() == MAX_NAMES));
        news.add(Path::new("/site/workers/0.js"));
        assert!(matches!(news, ChangedPaths::Names(_)), "a name that is known is no other one");
        news.add(Path::new("/site/workers/one-more.js"));
        assert_eq!(news, ChangedPaths::Anything);
    }

    #[test]
    fn foreign_names_are_left_out() {
        let mut news = ChangedPaths::default();
        news.add(Path::new("/site/arcanos.toml"));
        news.add(Path::new("/site/workers/a.js"));
        let left = news.without(|path| path.ends_with("arcanos.toml"));
        assert_eq!(
            left,
            ChangedPaths::Names(BTreeSet::from([PathBuf::from("/site/workers/a.js")]))
        );
        assert_eq!(ChangedPaths::Anything.without(|_| true), ChangedPaths::Anything);
    }
}
