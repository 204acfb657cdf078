//! The stand-in: a small OpenAI-compatible server for trying arcanos without a key and for tests.
//!
//! It answers chat completions, responses, embeddings and models over plain HTTP on a loopback
//! port, streaming or not, and says in each answer what it is. The same question always gets the
//! same answer. It asks no model, keeps nothing between requests, runs no tools, and ignores
//! sampling settings and token limits.

mod answer;
mod body;
mod chat;
mod embeddings;
mod listener;
mod models;
mod question;
mod refusal;
mod responses;
mod routes;
mod schema;
mod stream;
#[cfg(test)]
mod tests;

pub use listener::StandIn;

/// The name of the only model there is here, whatever a request asks for.
pub const MODEL: &str = "arcanos-echo";

/// How each answer begins, and each string of an answer in JSON.
const MARK: &str = "[arcanos stand-in]";

/// The time of every answer, in seconds since 1970 (2025-01-01): a clock would make equal
/// questions unequal.
const CREATED: u32 = 1_735_689_600;
