//! Computes what should run and how that differs from what runs. Pure: it carries nothing out.
//!
//! `desired` turns config and verdicts into specs; `reconcile` compares them with what runs.

mod desired;
mod difference;
mod environment;
#[cfg(test)]
mod tests;
mod unmatched;

pub use desired::{Desired, Installed, Surroundings, desired};
pub use difference::{Action, reconcile};
pub(crate) use environment::PLACEHOLDER_KEY;
pub use unmatched::{Unmatched, unmatched_settings};
