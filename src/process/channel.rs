//! Node's `fork()` channel: one JSON value a line, both ways, over a pair of sockets.
//!
//! Node calls this format private, and has kept it since 2012. [`Decoder`](decoder::Decoder) reads it without doing
//! I/O; [`Channel`] joins it to the socket. Nothing that a worker sends, or fails to read, takes
//! more than bounded memory and time. Descriptors that it sends are dropped by the kernel, because
//! we read without asking for them.

mod decoder;
pub(super) mod link;
mod message;

#[cfg(feature = "internals")]
pub use decoder::Decoder;
pub use link::Channel;
pub use message::{Incoming, compact_json};
