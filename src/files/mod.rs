//! What arcanos reads from and writes to the disk.

pub mod logs;
