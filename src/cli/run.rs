//! `arcanos run`: supervises and serves, until a signal.

use crate::cli::{
    args::Globals,
    exit::{self, Failure},
    ground,
};

/// Runs until a signal.
///
/// # Errors
/// As [`ground::prepare`].
pub(crate) fn run(globals: &Globals) -> Result<(), Failure> {
    let ground = ground::prepare(globals)?;
    drop(ground);
    Err(Failure::new(exit::FAILED, "the engine is not joined to the command line yet"))
}
