//! Reconciliation: turns an observation into actions on the runtime, and publishes a report.

mod apply;
mod effective;
mod preview;
mod publish;
pub(super) mod reconciler;
mod standing;
pub(super) mod upstream;

#[cfg(test)]
mod tests;
