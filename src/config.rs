//! The config: from text to a checked [`Config`], or to errors with their places.
//!
//! Opens no file and reads no environment: both are handed in. The steps of [`load()`]:
//!
//! 1. `document` parses the text and knows where each value stands; `syntax` reports what is
//!    not TOML.
//! 2. `extract` checks the form of each layer (`raw`, `values`, `words`), all errors at once.
//! 3. `layers` merges: `defaults.toml` < file < profile < `variables` < `command_line`.
//! 4. `interpolate` fills in `${NAME}` from the `environment`.
//! 5. `check` makes a [`Config`] of it, in which nothing is missing, unparsed or out of range.
//!
//! Invariant: no error and no warning holds a value that `hidden` says is secret.

mod check;
mod command_line;
mod defaults;
mod document;
mod dotenv;
mod effective;
mod environment;
mod error;
mod extract;
mod hidden;
mod inputs;
mod interpolate;
mod key;
mod keywords;
mod layers;
mod load;
mod locate;
mod model;
mod raw;
mod report;
mod sample;
mod schema;
mod secret;
mod syntax;
mod text_value;
mod values;
mod variables;
mod wording;
mod zone;

#[cfg(test)]
mod tests;

pub use check::program_from;
pub use error::ConfigErrors;
pub use inputs::{Inputs, Override};
pub use load::{Loaded, load};
pub use locate::InstanceLocator;
pub use model::{
    Config, Discovery, Log, LogFormat, LogKind, Prepare, Rule, Upstream, View, Watch,
    WorkerSettings, WorldWritable,
};
pub use sample::sample;
pub use schema::schema;
pub use secret::Secret;
pub(crate) use wording::nearest;
pub use zone::{lacks_zones, zone};
