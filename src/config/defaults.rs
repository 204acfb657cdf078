//! The lowest layer of every config: `defaults.toml`, which also holds the built-in profiles.

use std::sync::LazyLock;

use figment::value::Value;

use super::document::Document;

/// The text of the lowest layer.
pub(super) const DEFAULTS: &str = include_str!("defaults.toml");

/// The lowest layer, parsed.
pub(super) static DEFAULT_TREE: LazyLock<Value> =
    LazyLock::new(|| Document::parse("defaults.toml", DEFAULTS).0.tree);
