//! The environment of arcanos over its dotenv files.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::PathBuf,
};

use figment::value::Value;

use super::{
    error::{ConfigError, Place},
    inputs::Inputs,
    interpolate,
    key::KeyPath,
    layers::Layers,
    report::Report,
    wording,
};

/// All variables there are, and the files they come from.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    /// The variables of the dotenv files under those of the process.
    pub(super) available: BTreeMap<String, String>,
    /// The dotenv files, absolute, whether they exist or not.
    pub(super) files: Vec<PathBuf>,
}

/// Reads the dotenv files that `env.files` names; a later file wins over an earlier one, and
/// the environment of the process over all.
pub(super) fn variables(
    inputs: &Inputs<'_>,
    written: &Value,
    layers: &Layers<'_>,
    report: &mut Report,
) -> Variables {
    let mut variables = Variables::default();
    let key = KeyPath::of("env.files");
    let listed = match key.find(written) {
        Some(Value::Array(_, list)) => list.as_slice(),
        _ => &[],
    };
    for (index, file) in listed.iter().filter_map(Value::as_str).enumerate() {
        let key = key.index(index);
        // The files themselves give no variables for their own names. That a name cannot be
        // filled in is told where all of the config is.
        let Ok(name) = interpolate::filled(file, inputs.environment) else {
            continue;
        };
        let path = inputs.folder().join(name.as_ref());
        match (inputs.read)(&path) {
            Ok(Some(text)) => match parse(&text) {
                Ok(read) => variables.available.extend(read),
                Err(line) => report.push(broken_line(&name, line)),
            },
            Ok(None) => {}
            Err(reason) => report.about(
                layers,
                &key,
                format!("cannot read {}: {reason}", wording::quoted(file)),
            ),
        }
        variables.files.push(path);
    }
    let process = inputs.environment.iter();
    variables.available.extend(process.map(|(name, value)| (name.clone(), value.clone())));
    variables
}

fn broken_line(file: &str, line: usize) -> ConfigError {
    ConfigError::new(
        Place::Dotenv { name: file.to_owned(), line },
        String::new(),
        "cannot read this line, expected NAME=value, with quotes around a value that holds spaces"
            .to_owned(),
    )
}

/// The variables of a dotenv text, or the first line, from 1, that cannot be read.
fn parse(text: &str) -> Result<Vec<(String, String)>, usize> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut read = 0;
    let lines = LineByLine {
        lines: text.split_inclusive('\n').map(str::as_bytes),
        rest: &[],
        read: &mut read,
    };
    let parsed: Result<Vec<_>, _> = dotenvy::Iter::new(lines).collect();
    match parsed {
        Ok(variables) => Ok(variables),
        // A value in quotes may span lines: the mistake is where it begins.
        Err(dotenvy::Error::LineParse(logical, _)) => {
            let breaks = logical.matches('\n').count();
            let first = read + usize::from(logical.ends_with('\n'));
            Err(first.saturating_sub(breaks).max(1))
        }
        Err(_) => Err(read.max(1)),
    }
}

/// Hands out one line a read, so that its count tells which line the parser is at.
struct LineByLine<'t, I> {
    lines: I,
    rest: &'t [u8],
    read: &'t mut usize,
}

impl<'t, I: Iterator<Item = &'t [u8]>> Read for LineByLine<'t, I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            let Some(line) = self.lines.next() else {
                return Ok(0);
            };
            self.rest = line;
            *self.read += 1;
        }
        self.rest.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotenv_text_is_read_as_people_write_it() {
        let text = "\u{feff}# a comment\nA=1\nexport B=\"two words\"\n\nC='x\ny'\nA=3 # later\n";
        let seen: BTreeMap<String, String> = parse(text).expect("good").into_iter().collect();
        let expected = [("A", "3"), ("B", "two words"), ("C", "x\ny")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(seen, BTreeMap::from(expected));
    }

    #[test]
    fn a_broken_line_is_told_by_its_number() {
        for (text, line) in [
            ("A=1\nnonsense\nB=2\n", 2),
            ("A=1\n\n# x\nB=two words\n", 4),
            ("A=1\nB=\"open\nmore\n\n", 2),
            ("=x", 1),
        ] {
            assert_eq!(parse(text), Err(line), "{text:?}");
        }
    }
}
