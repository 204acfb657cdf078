//! Tests of the server over real sockets, with a runtime that only records commands.

mod bench;
mod clients;
mod commands;
mod engine;
mod listen;
mod routes;
mod streams;
mod who;
