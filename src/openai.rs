//! What arcanos itself has to do with a model: asking once whether key and model are good, and
//! standing in for a model where there is none.
//!
//! All use of `async-openai` lives here, and the workers' requests do not: they go from the
//! worker straight to the upstream, or to the stand-in. Nothing in this room starts, stops or
//! delays a worker.
//!
//! - [`preflight()`] asks an upstream one question and says what the answer means.
//! - [`StandIn`] is a small OpenAI-compatible server on a loopback port of its own. It owns its
//!   tasks: they end when its token is cancelled or it is dropped.

mod preflight;
mod standin;

pub use preflight::{Reachability, Target, preflight};
pub use standin::{MODEL, StandIn};
