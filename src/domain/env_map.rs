//! [`EnvMap`]: the environment of a process.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// Environment variables. `Debug` shows their names only: a value may be a secret.
///
/// Serialized with their values, as part of a spec that is handed to the next program of arcanos.
/// Nothing that is serialized to be shown may hold them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvMap(pub BTreeMap<String, String>);

impl fmt::Debug for EnvMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
