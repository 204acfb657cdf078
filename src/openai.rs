//! The OpenAI API: a preflight check of key and model, and a stand-in server for use without a key.
//!
//! All use of `async-openai` is here. The workers' requests do not pass through this module: they
//! go from the worker straight to the upstream, or to the stand-in. Nothing here starts, stops or
//! delays a worker.
//!
//! - [`preflight()`] asks an upstream one question and reports what the answer means.
//! - [`StandIn`] is a small OpenAI-compatible server on a loopback port of its own. It owns its
//!   tasks: they end when its token is cancelled or it is dropped.

mod preflight;
mod standin;

pub use preflight::{PreflightTarget, preflight};
pub use standin::StandIn;
