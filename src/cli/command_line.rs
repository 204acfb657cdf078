//! Reads the command line: clap does, but for `--set` before and behind the command.

use std::ffi::OsString;

use clap::Parser as _;

use super::args::{Cli, parse_override};
use crate::config::Override;

impl Cli {
    /// Reads a command line, the name of the program first.
    ///
    /// # Errors
    /// Bad usage, or a request for help or the version; clap's error says which.
    pub fn read(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let line: Vec<OsString> = line.into_iter().collect();
        let mut cli = Self::try_parse_from(&line)?;
        // Of a global option that stands before and behind the command, clap keeps the values
        // behind it only.
        let given: Vec<Override> =
            texts_of_set(&line).filter_map(|text| parse_override(text).ok()).collect();
        if given.len() > cli.globals.set.len() {
            cli.globals.set = given;
        }
        Ok(cli)
    }
}

/// The texts that follow each `--set` of a line that clap has accepted.
fn texts_of_set(line: &[OsString]) -> impl Iterator<Item = &str> {
    let options = line.iter().take_while(|word| *word != "--").map(|word| word.to_str());
    let mut is_next = false;
    options.filter_map(move |word| match std::mem::replace(&mut is_next, word == Some("--set")) {
        true => {
            is_next = false;
            word
        }
        false => word?.strip_prefix("--set="),
    })
}
