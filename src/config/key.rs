//! [`KeyPath`]: the path of a value, as `discovery.rules[0].command`.
//!
//! Finds, puts and takes values along a path. Knows nothing of what the keys mean.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

use figment::value::{Dict, Value};

use crate::domain::os_text;

/// One step of a [`KeyPath`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Step {
    /// Into a table.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// The way from the root of a config to one of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct KeyPath(Vec<Step>);

impl KeyPath {
    /// The way of these keys, none of which holds a dot: `server.listen`.
    pub(super) fn of(dotted: &str) -> Self {
        Self(dotted.split('.').map(|k| Step::Key(k.into())).collect())
    }

    /// One key further.
    pub(super) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    /// One element of a list further.
    pub(super) fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }

    /// The steps, first one first.
    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether this is the root.
    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Without the last step; `None` for the root.
    pub(super) fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        Some(Self(rest.to_vec()))
    }

    /// The way as far as the first list on it.
    pub(super) fn up_to_list(&self) -> Self {
        let is_key = |step: &&Step| matches!(step, Step::Key(_));
        Self(self.0.iter().take_while(is_key).cloned().collect())
    }

    /// Whether the last step leads into a list.
    pub(super) fn is_element(&self) -> bool {
        matches!(self.0.last(), Some(Step::Index(_)))
    }

    /// The last key, if the last step is one.
    pub(super) fn last_key(&self) -> Option<&str> {
        match self.0.last() {
            Some(Step::Key(key)) => Some(key),
            Some(Step::Index(_)) | None => None,
        }
    }

    /// This way, then the other.
    pub(super) fn join(&self, other: &Self) -> Self {
        Self(self.0.iter().chain(&other.0).cloned().collect())
    }

    /// Whether this way begins with all of the other.
    pub(super) fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The keys as text, an index being its number.
    pub(super) fn names(&self) -> Vec<&str> {
        self.0
            .iter()
            .map(|step| match step {
                Step::Key(key) => key.as_str(),
                Step::Index(_) => "[]",
            })
            .collect()
    }

    /// The value at the end of the way.
    pub(super) fn find<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(root, |at, step| match (at, step) {
            (Value::Dict(_, table), Step::Key(key)) => table.get(key),
            (Value::Array(_, list), Step::Index(index)) => list.get(*index),
            _ => None,
        })
    }

    /// Takes the value at the end of the way out; later elements of a list move up.
    pub(super) fn take(&self, root: &mut Value) -> Option<Value> {
        let (last, way) = self.0.split_last()?;
        let parent = way.iter().try_fold(root, |at, step| match (at, step) {
            (Value::Dict(_, table), Step::Key(key)) => table.get_mut(key),
            (Value::Array(_, list), Step::Index(index)) => list.get_mut(*index),
            _ => None,
        })?;
        match (parent, last) {
            (Value::Dict(_, table), Step::Key(key)) => table.remove(key),
            (Value::Array(_, list), Step::Index(index)) if *index < list.len() => {
                Some(list.remove(*index))
            }
            _ => None,
        }
    }

    /// Puts a value at the end of a way of keys, making the tables on the way.
    pub(super) fn put(&self, root: &mut Value, value: Value) {
        let Some((last, way)) = self.0.split_last() else {
            *root = value;
            return;
        };
        let mut at = root;
        for step in way {
            at = entry(at, step);
        }
        *entry(at, last) = value;
    }
}

/// The place of this step in a table, which the value becomes if it is none.
fn entry<'v>(at: &'v mut Value, step: &Step) -> &'v mut Value {
    if !matches!(at, Value::Dict(..)) {
        *at = Value::from(Dict::new());
    }
    let Value::Dict(_, table) = at else { unreachable!("it has just been made a table") };
    let key = match step {
        Step::Key(key) => key.clone(),
        Step::Index(index) => index.to_string(),
    };
    table.entry(key).or_insert_with(|| Value::from(Dict::new()))
}

/// As TOML would write it: a key that is not bare stands in quotes, so that it is one line.
impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    if at > 0 {
                        f.write_char('.')?;
                    }
                    if !key.is_empty() && key.chars().all(is_bare) {
                        f.write_str(key)?;
                    } else {
                        match os_text::shown(key) {
                            Cow::Borrowed(key) => write!(f, "{key:?}")?,
                            Cow::Owned(shown) => write!(f, "\"{shown}\"")?,
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_toml_writes_it() {
        let path = KeyPath::of("discovery.rules").index(0).key("command");
        assert_eq!(path.to_string(), "discovery.rules[0].command");
        let odd = KeyPath::of("workers").key("a.b").key("x\ny");
        assert_eq!(odd.to_string(), "workers.\"a.b\".\"x\\ny\"");
    }

    #[test]
    fn values_are_put_found_and_taken_along_a_path() {
        let mut root = Value::from(Dict::new());
        let path = KeyPath::of("a.b");
        path.put(&mut root, Value::from(vec![1, 2]));
        assert_eq!(path.index(1).find(&root), Some(&Value::from(2)));
        assert_eq!(path.index(0).take(&mut root), Some(Value::from(1)));
        assert_eq!(path.index(1).find(&root), None);
        assert_eq!(path.index(7).take(&mut root), None);
    }
}
