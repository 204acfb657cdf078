//! The variables that a config can refer to: those of arcanos override those of dotenv files.

use std::collections::BTreeMap;

use figment::value::Value;

use super::{
    dotenv, inputs::Inputs, interpolate, key::KeyPath, layers::Layers, report::Report, wording,
};
use crate::domain::os_text;

/// The most lines of one dotenv file that get a warning each: with more bad lines than this, the
/// file is not a dotenv file.
const MAX_BAD_LINES: usize = 10;

/// All variables there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    /// The variables of the dotenv files under those of the process.
    pub(super) available: BTreeMap<String, String>,
}

/// Reads the dotenv files that `env.files` names; a later file wins over an earlier one, and
/// the environment of the process over all.
pub(super) fn variables(
    inputs: &Inputs<'_>,
    written: &Value,
    layers: &Layers<'_>,
    report: &mut Report,
) -> Variables {
    let mut variables = Variables::default();
    let key = KeyPath::of("env.files");
    let listed = match key.find(written) {
        Some(Value::Array(_, list)) => list.as_slice(),
        _ => &[],
    };
    for (index, file) in listed.iter().filter_map(Value::as_str).enumerate() {
        let key = key.index(index);
        // The files themselves give no variables for their own names. That a name cannot be
        // filled in is reported where the whole config is filled in.
        let Ok(name) = interpolate::filled(file, inputs.environment) else {
            continue;
        };
        let path = inputs.folder().join(os_text::os_string(&name));
        match (inputs.read)(&path) {
            Ok(Some(text)) => {
                let read = dotenv::parse(&os_text::kept(&text));
                variables.available.extend(read.variables);
                report.warnings.extend(passed_over(&name, &read.bad_lines));
            }
            Ok(None) => {}
            Err(reason) => report.about(
                layers,
                &key,
                format!("cannot read {}: {reason}", wording::quoted(file)),
            ),
        }
    }
    let process = inputs.environment.iter();
    variables.available.extend(process.map(|(name, value)| (name.clone(), value.clone())));
    variables
}

/// A warning for each line of a dotenv file that cannot be read. None is shown: it may be a key
/// without its name.
fn passed_over(file: &str, lines: &[usize]) -> Vec<String> {
    let file = os_text::shown(file);
    let warning = |line: &usize| {
        format!("{file}:{line}: cannot read this line, expected NAME=value; it is passed over")
    };
    let mut warnings: Vec<String> = lines.iter().take(MAX_BAD_LINES).map(warning).collect();
    if let Some(more) = lines.len().checked_sub(MAX_BAD_LINES).filter(|more| *more > 0) {
        warnings.push(format!("{file}: {more} more lines cannot be read; they are passed over"));
    }
    warnings
}
