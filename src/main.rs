//! The `arcanos` program.

fn main() {}
