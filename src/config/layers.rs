//! The layers of a config, merged by figment, and where each value comes from.

use figment::{
    Figment, Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};
use serde::Serialize;
use std::collections::BTreeMap;

use super::{
    document::{Document, Part},
    error::Place,
    key::KeyPath,
};

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Nobody set it.
    Default,
    /// `arcanos.toml`.
    File,
    /// The active profile, built in or in the file.
    Profile,
    /// A variable `ARCANOS__SECTION__KEY`.
    Environment,
    /// A `--set` of the command line.
    #[serde(rename = "command line")]
    CommandLine,
}

impl Source {
    const ALL: [Self; 5] =
        [Self::Default, Self::File, Self::Profile, Self::Environment, Self::CommandLine];

    /// The word in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Profile => "profile",
            Self::Environment => "environment",
            Self::CommandLine => "command line",
        }
    }
}

/// Values from one place.
#[derive(Clone, Debug)]
pub(super) struct Layer<'a> {
    /// What their source is called.
    pub(super) source: Source,
    /// How a key becomes a place.
    pub(super) origin: Origin<'a>,
    /// The values; always a table.
    pub(super) tree: Value,
}

/// Where the keys of a layer are written.
#[derive(Clone, Debug)]
pub(super) enum Origin<'a> {
    /// In arcanos itself; errors are about the file as a whole, by this name.
    Builtin(&'a str),
    /// In the file, below this key.
    File(&'a Document, KeyPath),
    /// In variables, by key.
    Variables(BTreeMap<KeyPath, String>),
    /// On the command line, by the `--set` of this key.
    CommandLine(&'a str),
}

impl Layer<'_> {
    /// Where this key of the layer is written.
    pub(super) fn place(&self, path: &KeyPath, part: Part) -> Place {
        match &self.origin {
            Origin::Builtin(file) => Place::Whole((*file).to_owned()),
            Origin::File(document, prefix) => document.place(&prefix.join(path), part),
            Origin::Variables(variables) => {
                let around = variables.iter().filter(|(key, _)| path.starts_with(key));
                let nearest = around.max_by_key(|(key, _)| key.steps().len());
                let within = || variables.iter().find(|(key, _)| key.starts_with(path));
                let variable = nearest.or_else(within).map(|(_, variable)| variable.clone());
                Place::Environment(variable.unwrap_or_default())
            }
            Origin::CommandLine(key) => Place::CommandLine(format!("--set {key}")),
        }
    }

    /// The key as errors name it: from the root of the file.
    pub(super) fn full_key(&self, path: &KeyPath) -> KeyPath {
        match &self.origin {
            Origin::File(_, prefix) => prefix.join(path),
            Origin::Builtin(_) | Origin::Variables(_) | Origin::CommandLine(_) => path.clone(),
        }
    }
}

impl Provider for Layer<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.as_str())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = self.tree.as_dict().cloned().unwrap_or_default();
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

/// All layers, the lowest first.
#[derive(Debug)]
pub(super) struct Layers<'a>(pub(super) Vec<Layer<'a>>);

impl Layers<'_> {
    /// What the layers come to: tables merged, all else replaced; and the sources of its values.
    pub(super) fn merged(&self) -> (Value, Sources) {
        let figment = self.0.iter().fold(Figment::new(), |below, layer| below.merge(layer));
        let tree = figment.find_value("").ok();
        (tree.unwrap_or_else(|| Value::from(Dict::new())), Sources(figment))
    }

    /// The layer that has the last word on this key, or on the table it would stand in.
    pub(super) fn deciding(&self, path: &KeyPath) -> Option<&Layer<'_>> {
        // A list hides the ones below it whole, whatever its elements hold.
        let mut at = path.up_to_list();
        loop {
            let has = |layer: &&Layer<'_>| at.find(&layer.tree).is_some();
            if !at.is_root()
                && let Some(layer) = self.0.iter().rev().find(has)
            {
                return Some(layer);
            }
            at = at.parent()?;
        }
    }
}

/// Tells where the values of a merged tree come from.
#[derive(Debug)]
pub(super) struct Sources(Figment);

impl Sources {
    /// The source of this value of the merged tree.
    pub(super) fn of(&self, value: &Value) -> Source {
        let name = self.0.get_metadata(value.tag()).map(|m| m.name.as_ref());
        let named = |source: &Source| Some(source.as_str()) == name;
        Source::ALL.into_iter().find(named).unwrap_or(Source::Default)
    }

    /// The source of each value that is not a table, by its key.
    pub(super) fn of_leaves(&self, tree: &Value) -> BTreeMap<String, Source> {
        let mut leaves = BTreeMap::new();
        self.collect(tree, &KeyPath::default(), &mut leaves);
        leaves
    }

    fn collect(&self, at: &Value, path: &KeyPath, leaves: &mut BTreeMap<String, Source>) {
        match at {
            Value::Dict(_, table) => {
                for (key, value) in table {
                    self.collect(value, &path.key(key), leaves);
                }
            }
            leaf => {
                leaves.insert(path.to_string(), self.of(leaf));
            }
        }
    }
}
