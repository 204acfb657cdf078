//! The config that `arcanos init` writes.

/// A small `arcanos.toml` with comments, good as it is.
#[must_use]
pub const fn sample() -> &'static str {
    include_str!("sample.toml")
}
