//! Probes: asks once whether a run works, by a request or by a command.
//!
//! When a probe is asked, and what follows from its answers, the worker's machine decides.

mod ask;
mod get;
mod question;
mod run_command;
#[cfg(test)]
mod tests;

pub(crate) use ask::ask;
pub(crate) use question::Question;
