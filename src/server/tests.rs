//! The server over real sockets, with an engine that only remembers what it was asked.

mod bench;
mod clients;
mod commands;
mod engine;
mod listen;
mod routes;
mod streams;
mod who;
