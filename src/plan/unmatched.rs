//! Finds settings of workers that do not exist: most are mistyped ids.

use crate::{
    config::{Config, nearest},
    discovery::Discovered,
};

/// Settings of a worker that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// A warning, in words.
    pub text: String,
    /// Whether another id is probably meant; else the worker may just not be there yet, or no more.
    pub is_mistyped: bool,
}

/// Each `[workers.ID]` without a file of that id, with the nearest id that has no settings of its
/// own. A file that was rejected counts: its id is known.
#[must_use]
pub fn unmatched_settings(config: &Config, discovered: &Discovered) -> Vec<Unmatched> {
    let of_files = discovered.verdicts.iter().filter_map(|verdict| verdict.id.as_ref());
    let of_workers = discovered.candidates.iter().map(|candidate| &candidate.id);
    let ids: Vec<&str> = of_files.chain(of_workers).map(|id| id.as_str()).collect();
    let is_there = |set: &str| {
        // Of a variable the case does not count.
        let is_variable = config.ids_of_variables.contains(set);
        ids.iter().any(|id| *id == set || (is_variable && id.eq_ignore_ascii_case(set)))
    };
    let unmatched = config.workers.keys().filter(|id| !is_there(id));
    let free: Vec<&str> =
        ids.iter().copied().filter(|id| !config.workers.contains_key(*id)).collect();
    let warning = |id: &String| {
        let hint = nearest(id, &free).map(|id| format!("; did you mean `{id}`?"));
        let text = "there is no such worker, so these settings have no effect";
        Unmatched {
            is_mistyped: hint.is_some(),
            text: format!("workers.{id}: {text}{}", hint.unwrap_or_default()),
        }
    };
    unmatched.map(warning).collect()
}
