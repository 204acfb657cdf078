//! Reads a tree of values into types and reports all that does not fit at once.
//!
//! Serde stops at the first error. So the value in its way is reported and taken out, and the
//! rest is read again, until it fits.

use std::collections::BTreeMap;

use figment::{error::Kind, value::Value};
use serde::de::DeserializeOwned;

use super::{
    document::Part,
    key::{KeyPath, Step},
    layers::{Layer, Layers},
    report::Report,
    values::REFERENCE,
    wording,
};

/// The most errors reported of one layer. Each costs one reading of all of it, and nobody mends
/// more at once.
const MAX_ERRORS: usize = 100;

/// One value that does not fit.
struct Misfit {
    path: KeyPath,
    part: Part,
    error: figment::Error,
}

impl Misfit {
    /// The known key that an unknown one was probably meant to be.
    fn meant(&self) -> Option<KeyPath> {
        match &self.error.kind {
            Kind::UnknownField(key, known) => {
                let nearest = wording::nearest(key, known)?;
                Some(self.path.parent()?.key(nearest))
            }
            _ => None,
        }
    }
}

/// Checks the form of a layer, and takes out what does not fit.
///
/// Text with a `${NAME}` fits everywhere until it is filled in.
pub(super) fn check<T: DeserializeOwned>(layer: &mut Layer<'_>, report: &mut Report) {
    let (misfits, _) = read::<T>(&layer.tree);
    let is_reference = |misfit: &Misfit| {
        let found = misfit.path.find(&layer.tree).and_then(Value::as_str);
        found.is_some_and(|text| text.contains("${"))
    };
    debug_assert_eq!(REFERENCE, r"\$\{", "the text above and the schema agree");
    let bad: Vec<Misfit> = misfits.into_iter().filter(|m| !is_reference(m)).collect();
    for misfit in &bad {
        let found = misfit.path.find(&layer.tree);
        let text = message(misfit, found, found, report, &layer.full_key(&misfit.path));
        report.in_layer(layer, &misfit.path, misfit.part, text);
        if let Some(meant) = misfit.meant() {
            report.excuse(meant);
        }
    }
    for misfit in &bad {
        take_out(&misfit.path, &mut layer.tree);
    }
}

/// Reads what the layers come to, filled in; `written` is the same tree before that.
pub(super) fn read_merged<T: DeserializeOwned>(
    tree: &Value,
    written: &Value,
    layers: &Layers<'_>,
    report: &mut Report,
) -> Option<T> {
    let (misfits, value) = read::<T>(tree);
    for misfit in &misfits {
        let found = misfit.path.find(tree);
        let text = message(misfit, found, misfit.path.find(written), report, &misfit.path);
        report.about(layers, &misfit.path, text);
    }
    value
}

fn message(
    misfit: &Misfit,
    found: Option<&Value>,
    written: Option<&Value>,
    report: &Report,
    key: &KeyPath,
) -> String {
    let hidden = report.hidden();
    let is_shown = |written: &&Value| match written.as_str() {
        Some(text) => !hidden.hides_text(key, text),
        None => !hidden.hides(key),
    };
    let written = written.filter(is_shown);
    wording::message(&misfit.error.kind, found, written)
}

/// All that does not fit, and what the rest reads as.
fn read<T: DeserializeOwned>(tree: &Value) -> (Vec<Misfit>, Option<T>) {
    let mut rest = tree.clone();
    let mut gone = Gone::default();
    let mut misfits = Vec::new();
    loop {
        let error = match T::deserialize(&rest) {
            Ok(value) => return (misfits, Some(value)),
            Err(error) => error,
        };
        let path = path_of(&error.path, &rest);
        let is_unknown = matches!(error.kind, Kind::UnknownField(..));
        misfits.push(Misfit {
            path: gone.original(&path),
            part: if is_unknown { Part::Key } else { Part::Value },
            error,
        });
        if misfits.len() == MAX_ERRORS || path.take(&mut rest).is_none() {
            return (misfits, None);
        }
        gone.note(&path);
    }
}

/// figment's path, in which an index is text like a key, as a way through this tree.
fn path_of(steps: &[String], tree: &Value) -> KeyPath {
    let mut path = KeyPath::default();
    for step in steps {
        let index = match path.find(tree) {
            Some(Value::Array(..)) => step.parse().ok(),
            _ => None,
        };
        path = index.map_or_else(|| path.key(step), |index| path.index(index));
    }
    path
}

/// Elements taken out of lists: those behind them have moved up.
#[derive(Default)]
struct Gone(BTreeMap<KeyPath, Vec<usize>>);

impl Gone {
    /// Where the value of this way stood before anything was taken out.
    fn original(&self, path: &KeyPath) -> KeyPath {
        let mut original = KeyPath::default();
        for step in path.steps() {
            original = match step {
                Step::Key(key) => original.key(key),
                Step::Index(index) => {
                    let mut index = *index;
                    for gone in self.0.get(&original).into_iter().flatten() {
                        index += usize::from(*gone <= index);
                    }
                    original.index(index)
                }
            };
        }
        original
    }

    fn note(&mut self, path: &KeyPath) {
        let original = self.original(path);
        let (Some(list), Some(Step::Index(index))) = (original.parent(), original.steps().last())
        else {
            return;
        };
        let gone = self.0.entry(list).or_default();
        gone.push(*index);
        gone.sort_unstable();
    }
}

/// Takes a misfit out for good; with an element its whole list, whose other elements would
/// otherwise be reported under wrong indices.
fn take_out(path: &KeyPath, tree: &mut Value) {
    let whole = if path.is_element() { path.parent().unwrap_or_default() } else { path.clone() };
    whole.take(tree);
}
