//! [`Checker`]: the context of a check: the values to check, and the report for what is wrong.

use figment::value::Value;

use crate::config::{
    environment::Variables, inputs::Inputs, key::KeyPath, layers::Layers, report::Report,
};

/// The surroundings of a check, and the report that it writes to.
///
/// Each section of the config adds its checks as methods, in the file of its name.
pub(in crate::config) struct Checker<'a> {
    /// What the config is made of.
    pub(in crate::config) inputs: &'a Inputs<'a>,
    /// Where values are written.
    pub(in crate::config) layers: &'a Layers<'a>,
    /// The merged values before interpolation: what errors may repeat.
    pub(in crate::config) written: &'a Value,
    /// The variables that arcanos has.
    pub(in crate::config) variables: &'a Variables,
    /// The active profile.
    pub(in crate::config) profile: &'a str,
    /// Collects errors and warnings.
    pub(in crate::config) report: &'a mut Report,
}

impl Checker<'_> {
    /// Reports an error at the place where this key is set. The first error of a key counts.
    pub(super) fn error(&mut self, key: &KeyPath, text: impl Into<String>) {
        self.report.about(self.layers, key, text.into());
    }

    /// Reports an error that begins with the value as it is written: `VALUE TEXT`.
    pub(super) fn error_of_value(&mut self, key: &KeyPath, text: &str) {
        let shown = self.shown(key);
        self.error(key, format!("{shown} {text}"));
    }

    /// Warns of something that is odd and not wrong.
    pub(super) fn warn(&mut self, key: &KeyPath, text: &str) {
        self.report.warnings.push(format!("{key}: {text}"));
    }

    /// The value of this key as it is written, in backticks, or what stands for a secret one.
    pub(super) fn shown(&self, key: &KeyPath) -> String {
        self.report.shown(self.written, key)
    }

    /// Whether this key, or a part of its value, has an error already.
    pub(super) fn has_error(&self, key: &KeyPath) -> bool {
        self.report.has(key)
    }
}
