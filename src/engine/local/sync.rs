//! Channels that take next to no memory while they are empty.

pub(super) mod latest;
pub(super) mod mailbox;
