//! Which file is a worker: rules over a [`Listing`] of what the folder holds.
//!
//! [`analyse`] takes what a file says out of its bytes once; [`judge()`] takes the analyses of
//! all files and gives each a [`Verdict`], and to those that are workers what a run needs to know
//! ([`Candidate`]). The language counts, not the text: imports are read off the code view, in
//! which comments, strings, templates and regex literals are blank.
//!
//! Nothing here opens a file, asks the clock or waits; the disk is read by `files::scan`.

mod accept;
mod analysis;
mod candidate;
mod code;
mod constants;
mod declared;
mod digest;
mod graph;
mod imports;
mod judge;
mod listing;
mod local;
mod manifest;
mod python;
mod reads;
mod resolve;
mod rules;
mod verdict;
mod watch_globs;

#[cfg(test)]
mod tests;

pub use analysis::{Analysis, analyse};
pub(crate) use digest::fingerprint;
pub use graph::{ImportRoots, MAX_DEPTH, MAX_FILES, is_beside};
pub use judge::judge;
pub use listing::{Content, Distrust, Entry, Listing};
pub use local::Local;
pub use manifest::Manifest;
pub use resolve::{Installed, Sites, resolve};
pub use rules::{Rules, way_to};
pub use verdict::{Candidate, Discovered, Verdict, VerdictKind};
pub use watch_globs::WatchGlobs;
