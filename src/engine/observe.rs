//! Observation: reads config and folder from the disk, changes nothing.

pub(super) mod config_source;
pub(super) mod disk_timer;
mod lock_file;
pub(super) mod observer;
pub(super) mod permissions;
pub(super) mod preview;
pub(super) mod thread;
mod watches;
