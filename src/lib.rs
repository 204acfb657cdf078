//! arcanos: a config-driven supervisor with hot reload for AI workers.

pub mod config;
pub mod domain;
pub mod process;
