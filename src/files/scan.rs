//! Scans the folder of workers, and reads of it only what is new.
//!
//! A [`Scanner`] remembers what every file said and by which `FileId` it
//! knows the file unchanged, so that an unchanged file costs one stat(2). It looks at the disk as
//! it is: it needs no events, and believes none in what it says of a file. Where events have named
//! some paths only, it looks at those and takes the rest to be as it was, until the next full scan.
//! It never waits; where something cannot be read yet, it says when to scan again.

mod check;
mod follow_imports;
mod known;
mod list;
mod outcome;
mod pass;
mod scanner;

#[cfg(test)]
mod tests;

pub(crate) use self::known::REMOVED_AFTER;
pub use self::{
    outcome::{Scan, ScanError},
    scanner::Scanner,
};
