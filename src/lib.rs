//! arcanos: a config-driven supervisor with hot reload for AI workers.

pub mod config;
pub mod discovery;
pub mod domain;
pub mod engine;
pub mod files;
pub mod server;
pub mod text;
