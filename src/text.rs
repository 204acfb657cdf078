//! Text from workers: redaction of secrets, escaping of control characters, splitting into lines.
//!
//! Pure functions over bytes: secrets are replaced ([`Redactor`]), characters that would move a
//! cursor or forge a line are written out ([`escape()`], [`push_shown`]), and bytes are split into
//! lines ([`lines()`]). Nothing here reads, writes, waits, or decides where a line goes.

mod encodings;
mod escape;
mod line_finder;
mod lines;
mod literals;
mod open_end;
mod redact;
mod redact_error;
mod retired;

pub use encodings::is_worth_hiding;
pub use escape::{cut, escape, fitted, push_json, push_shown, shown};
pub use line_finder::LineFinder;
pub use lines::lines;
pub use redact::Redactor;
pub use retired::RetiredSecrets;
