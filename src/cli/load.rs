//! The config and the folder as the command line reads them, without a running arcanos.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{
    cli::{
        args::{DEFAULT_CONFIG, Globals},
        exit::{self, Failure},
        wire::Worker,
    },
    config::{Config, Loaded},
    discovery::{Discovered, Rules, judge},
    domain::WorkerId,
    engine::{Fault, Look, Source},
    files::{Patience, ScanError, Scanner},
};

/// How long a file that a program writes to is waited for, and a folder in which one is.
const PATIENCE: Duration = Duration::from_secs(3);

/// The config file that is meant, absolute where that can be told.
pub(crate) fn config_file(globals: &Globals) -> PathBuf {
    let named = globals.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG));
    std::path::absolute(named).unwrap_or_else(|_| named.to_owned())
}

/// There is no such config file.
pub(crate) fn missing(file: &Path) -> Failure {
    Failure::new(exit::BAD_USAGE, format!("there is no config file `{}`", file.display()))
        .with_remedy("`arcanos init` writes one; --config FILE names another")
}

/// The config that is meant, read and checked.
///
/// # Errors
/// Exit 2, with every error and its line.
pub(crate) fn config(globals: &Globals) -> Result<Loaded, Failure> {
    let (_, loaded) = source(globals)?;
    Ok(loaded)
}

/// As [`config`], with the source of it, which can be looked at again.
///
/// # Errors
/// Exit 2, with every error and its line.
pub(crate) fn source(globals: &Globals) -> Result<(Source, Loaded), Failure> {
    look(globals)?.map_err(|(file, fault)| rejected(&file, &fault))
}

/// As [`source`], with what is wrong with a bad config apart.
///
/// # Errors
/// Exit 2: there is none, or a program writes to it all the time.
pub(crate) fn look(
    globals: &Globals,
) -> Result<Result<(Source, Loaded), (PathBuf, Fault)>, Failure> {
    let file = config_file(globals);
    if !file.exists() {
        return Err(missing(&file));
    }
    let pairs = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let environment: BTreeMap<_, _> = pairs.collect();
    let mut source =
        Source::new(file.clone(), globals.profile.clone(), Vec::new(), environment);
    let begin = Instant::now();
    let mut patience = Patience::new(begin);
    loop {
        match source.look() {
            Look::Loaded(loaded) => return Ok(Ok((source, *loaded))),
            Look::Bad(fault) => return Ok(Err((file, fault))),
            Look::Held | Look::Same if begin.elapsed() < PATIENCE => {
                thread::sleep(patience.remaining(Instant::now()));
                patience.go_on(Instant::now());
            }
            Look::Held | Look::Same => {
                let message = format!("a program is still writing to `{}`", file.display());
                return Err(Failure::new(exit::BAD_USAGE, message)
                    .with_remedy("try again once it has closed the config and its .env files"));
            }
        }
    }
}

/// The failure that shows these errors with their lines.
pub(crate) fn rejected(file: &Path, fault: &Fault) -> Failure {
    let n = fault.errors.len();
    let plural = if n == 1 { "" } else { "s" };
    let message = format!("`{}` has {n} error{plural}", file.display());
    Failure::new(exit::BAD_USAGE, message).with_details(fault.pretty.clone())
}

/// What the folder of workers holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folder {
    pub(crate) discovered: Discovered,
    /// Why nothing could be found, where that is no failure.
    pub(crate) note: Option<String>,
}

/// Looks at the folder of workers as a start of arcanos would.
///
/// A folder that is not there is an empty one: it is made at start. The files of the workers that
/// run keep their ids.
///
/// # Errors
/// The folder cannot be followed.
pub(crate) fn folder(config: &Config, running: &[Worker]) -> Result<Folder, Failure> {
    let holder = |id: &WorkerId| {
        let worker = running.iter().find(|worker| worker.id == id.as_str())?;
        worker.file.as_ref().map(PathBuf::from)
    };
    let failed = |error: &dyn Error| Failure::new(exit::FAILED, chain(error));
    let directory = &config.discovery.directory;
    let rules = Rules::compile(&config.discovery).map_err(|error| failed(&error))?;
    let mut scanner = Scanner::new();
    let begin = Instant::now();
    loop {
        let scan = match scanner.scan(&rules, directory, Instant::now()) {
            Err(ScanError::Missing(_)) => {
                let note = format!("`{}` is missing; it is made at start", directory.display());
                return Ok(Folder { note: Some(note), ..Folder::default() });
            }
            other => other.map_err(|error| failed(&error))?,
        };
        match scan.wake.filter(|_| scan.pending && begin.elapsed() < PATIENCE) {
            Some(wake) => thread::sleep(wake.min(PATIENCE)),
            None => {
                let discovered = judge(&rules, &scan.listing, &holder);
                return Ok(Folder { discovered, note: None });
            }
        }
    }
}

/// An error with all its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globals(file: &Path) -> Globals {
        Globals { config: Some(file.to_owned()), ..Globals::default() }
    }

    #[test]
    fn an_absent_config_is_bad_usage_and_named() {
        let root = tempfile::tempdir().unwrap();
        let failure = config(&globals(&root.path().join("nosuch.toml"))).expect_err("absent");
        assert_eq!(failure.code(), exit::BAD_USAGE);
        assert!(failure.to_string().contains("nosuch.toml"), "{failure}");
    }

    #[test]
    fn every_error_of_a_bad_config_is_shown_with_its_line() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("arcanos.toml");
        std::fs::write(&file, "[restart]\nmax_atempts = 1\ndelay = 5\n").unwrap();
        let failure = config(&globals(&file)).expect_err("bad").to_string();
        for part in ["arcanos.toml:2:1: ", "max_atempts = 1\n", "arcanos.toml:3:9: ", "has 2 errors"] {
            assert!(failure.contains(part), "{part:?} in {failure}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_holds_nothing_and_says_so() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("arcanos.toml");
        std::fs::write(&file, "").unwrap();
        let loaded = config(&globals(&file)).expect("an empty one is good");
        let folder = folder(&loaded.config, &[]).expect("no failure");
        assert!(folder.discovered.verdicts.is_empty() && folder.note.is_some());
    }
}
