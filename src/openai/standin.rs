//! The stand-in: a small OpenAI-compatible server for trying arcanos without a key and for tests.
//!
//! It answers chat completions, responses, embeddings and models over plain HTTP on a loopback
//! port, streaming or not, and names itself in each answer. The same question always gets the same
//! answer. A tool is called where `tool_choice` demands it. It asks no model, keeps nothing between
//! requests, runs no tools, and ignores sampling settings and token limits.

mod answer;
mod body;
mod chat;
mod embeddings;
mod identity;
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
mod tool;

pub use listener::StandIn;
