//! What should run, and what is to be done about it: pure, and printable.
//!
//! `desired` turns config and verdicts into specs; `reconcile` compares them with what runs.

mod desired;
mod environment;
mod reconcile;
#[cfg(test)]
mod tests;

pub use desired::{Desired, Surroundings, desired};
pub(crate) use environment::PLACEHOLDER_KEY;
pub use reconcile::{Action, Plan, reconcile};
