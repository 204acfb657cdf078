//! `arcanos start-workers`: supervises without a status server.

use crate::cli::{
    args::{Globals, StartWorkers},
    exit::{self, Failure},
    ground,
};

/// Runs until a signal, and prints a line every `args.every`.
///
/// # Errors
/// As [`ground::prepare`].
pub(crate) fn run(globals: &Globals, args: &StartWorkers) -> Result<(), Failure> {
    let (ground, _every) = (ground::prepare(globals)?, args.every);
    drop(ground);
    Err(Failure::new(exit::FAILED, "the engine is not joined to the command line yet"))
}
