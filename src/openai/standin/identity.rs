//! Constants of the stand-in's answers: its model name, its mark and its time.

/// The name of its only model, whatever a request asks for.
pub const MODEL: &str = "arcanos-echo";

/// The beginning of each answer, and of each string of an answer in JSON.
pub(super) const MARK: &str = "[arcanos stand-in]";

/// The time of every answer, in seconds since 1970 (2025-01-01): by a clock, equal questions would
/// have different answers.
pub(super) const CREATED: u32 = 1_735_689_600;
