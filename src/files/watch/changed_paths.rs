//! The paths that events have named since the last scan.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// The most paths that are kept apart; more count as a change of everything, as in a checkout.
const MAX_NAMES: usize = 32;

/// What may have changed since the last scan.
///
/// It only narrows down what a scan looks at. The disk says what is there; and at every
/// `discovery.scan_interval` arcanos checks whether anything else has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedPaths {
    /// Only what is at these paths, as events named them.
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

    /// The same without the paths that the caller does not care for.
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
        let mut changed = ChangedPaths::default();
        for at in 0..MAX_NAMES {
            changed.add(Path::new(&format!("/site/workers/{at}.js")));
        }
        assert!(matches!(&changed, ChangedPaths::Names(names) if names.len() == MAX_NAMES));
        changed.add(Path::new("/site/workers/0.js"));
        assert!(matches!(changed, ChangedPaths::Names(_)), "a path that is known counts once");
        changed.add(Path::new("/site/workers/one-more.js"));
        assert_eq!(changed, ChangedPaths::Anything);
    }

    #[test]
    fn foreign_names_are_left_out() {
        let mut changed = ChangedPaths::default();
        changed.add(Path::new("/site/arcanos.toml"));
        changed.add(Path::new("/site/workers/a.js"));
        let left = changed.without(|path| path.ends_with("arcanos.toml"));
        assert_eq!(
            left,
            ChangedPaths::Names(BTreeSet::from([PathBuf::from("/site/workers/a.js")]))
        );
        assert_eq!(ChangedPaths::Anything.without(|_| true), ChangedPaths::Anything);
    }
}
