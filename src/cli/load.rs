//! The config as the command line reads it: one file, the environment, the flags.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use crate::cli::{
    args::{DEFAULT_CONFIG, Globals},
    exit::{self, Failure},
};

/// The config file that is meant, absolute where that can be told.
pub(crate) fn config_file(globals: &Globals) -> PathBuf {
    let named = globals.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG));
    std::path::absolute(named).unwrap_or_else(|_| named.to_owned())
}

/// There is no such config file.
pub(crate) fn missing(file: &Path) -> Failure {
    Failure::new(exit::BAD_USAGE, format!("there is no config file `{}`", file.display()))
        .with_remedy("`arcanos init` writes one; --config FILE names another")
}

/// An error with all its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
pub(crate) struct Loaded { pub(crate) config: crate::config::Config }
pub(crate) fn config(_: &Globals) -> Result<Loaded, Failure> { Err(Failure::new(2, "x")) }
