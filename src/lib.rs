//! arcanos: a config-driven supervisor with hot reload for AI workers.

pub mod cli;
pub mod config;
pub mod discovery;
pub mod domain;
pub mod engine;
pub mod files;
pub mod openai;
pub mod plan;
pub mod process;
pub mod server;
pub mod text;
pub mod worker;
