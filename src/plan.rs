//! Computes what should run and how that differs from what runs. Pure: it carries nothing out.
//!
//! `desired` turns config and verdicts into specs; `reconcile` compares them with what runs.

mod desired;
mod environment;
mod reconcile;
#[cfg(test)]
mod tests;
mod unmatched;

pub use desired::{Desired, Installed, Surroundings, desired};
pub(crate) use environment::PLACEHOLDER_KEY;
pub use reconcile::{Action, reconcile};
pub use unmatched::{Unmatched, unmatched_settings};
