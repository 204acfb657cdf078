//! What the benchmark `pure` and the fuzz targets call; there with the feature `internals` only.

/// From config text to a checked config.
pub mod config {
    pub use crate::config::{Config, Inputs, load};
}

/// From a folder's files to verdicts.
pub mod discovery {
    pub use crate::discovery::{Content, Entry, ImportRoots, Listing, Rules, analyse, judge};
}

/// The ids of workers.
pub mod domain {
    pub use crate::domain::WorkerId;
}

/// From verdicts to a plan.
pub mod plan {
    pub use crate::plan::{Desired, Surroundings, desired, reconcile};
}

/// Node's channel.
pub mod process {
    pub use crate::process::{Decoder, Incoming};
}

/// Lines, escapes and secrets of output.
pub mod text {
    pub use crate::text::{Redactor, lines, push_shown, shown};
}
