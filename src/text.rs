//! Text from workers, made fit to be kept and shown.
//!
//! Pure functions over bytes: what must not be seen is replaced ([`Redactor`]), what would move a
//! cursor or forge a line is made visible ([`escape()`], [`push_shown`]), and bytes are cut into
//! lines ([`lines()`]). Nothing here reads, writes, waits, or decides where a line goes.

mod encodings;
mod escape;
mod lines;
mod literals;
mod open_end;
mod redact;

pub use escape::{escape, is_clean, push_json, push_shown, shown};
pub use lines::{Line, Lines, lines};
pub use redact::{RedactError, Redactor};
