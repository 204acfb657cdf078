//! Reads the config and the folder of workers without a running arcanos.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    cli::{
        args::{DEFAULT_CONFIG, Globals},
        exit::{self, Failure},
        systemd::OWN_VARIABLES,
        wire::Worker,
    },
    config::{self, Config, ConfigErrors, Inputs, InstanceLocator, Loaded, Override},
    discovery::{Discovered, Rules, judge},
    domain::{WorkerId, os_text},
    engine::Source,
    files::{ChangedPaths, ScanError, Scanner, Settled, read_when_settled},
    plan::{Desired, Surroundings, desired},
};

/// The largest config, dotenv or token file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// How long a file that a program writes to is waited for, and a folder in which one is.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(3);

/// A config that was read from the disk.
#[derive(Debug)]
pub(crate) struct Site {
    /// The file, absolute.
    pub(crate) file: PathBuf,
    /// What the file says.
    pub(crate) text: String,
    /// The environment of this process, as [`os_text`] keeps it.
    pub(crate) environment: BTreeMap<String, String>,
    profile: Option<String>,
    overrides: Vec<Override>,
}

/// The config file that is meant, absolute where the current directory is known.
pub(crate) fn config_file(globals: &Globals) -> PathBuf {
    let named = globals.config.as_deref().unwrap_or_else(|| Path::new(DEFAULT_CONFIG));
    std::path::absolute(named).unwrap_or_else(|_| named.to_owned())
}

/// There is no such config file.
pub(crate) fn missing(file: &Path) -> Failure {
    Failure::new(
        exit::BAD_USAGE,
        format!("there is no config file `{}`", os_text::shown_path(file)),
    )
    .with_remedy("`arcanos init` writes one; --config FILE names another")
}

/// The config that is meant, read and checked.
///
/// # Errors
/// Exit 2, with every error and its line.
pub(crate) fn config(globals: &Globals) -> Result<Loaded, Failure> {
    let site = Site::read(globals)?;
    site.load().map_err(|errors| site.rejected(&errors))
}

/// Where the running arcanos is found, by the config that is meant, good or bad.
pub(crate) fn locate(globals: &Globals) -> InstanceLocator {
    let site = Site::read(globals).unwrap_or_else(|_| Site::of(globals, String::new()));
    InstanceLocator::read(&site.inputs())
}

impl Site {
    /// Reads the config file.
    ///
    /// # Errors
    /// Exit 2: there is none, or it cannot be read.
    pub(crate) fn read(globals: &Globals) -> Result<Self, Failure> {
        let file = config_file(globals);
        let bad = |fault: String| {
            Failure::new(
                exit::BAD_USAGE,
                format!("the config file `{}` {fault}", os_text::shown_path(&file)),
            )
        };
        let content = settled(&file).map_err(&bad)?.ok_or_else(|| missing(&file))?;
        let text = String::from_utf8(content).map_err(|error| {
            bad(format!("is no UTF-8 text, from byte {} on", error.utf8_error().valid_up_to()))
        })?;
        Ok(Self::of(globals, text))
    }

    /// The config of this text, in the surroundings of this process.
    fn of(globals: &Globals, text: String) -> Self {
        let pairs = env::vars_os().filter_map(|(name, value)| {
            let name = os_text::kept_os(&name);
            (!OWN_VARIABLES.contains(&name.as_str())).then(|| (name, os_text::kept_os(&value)))
        });
        Self {
            file: config_file(globals),
            text,
            environment: pairs.collect(),
            profile: globals.profile.clone(),
            overrides: globals.set.clone(),
        }
    }

    /// Checks what was read.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn load(&self) -> Result<Loaded, ConfigErrors> {
        config::load(&self.inputs())
    }

    fn inputs(&self) -> Inputs<'_> {
        Inputs {
            file: &self.file,
            text: &self.text,
            environment: &self.environment,
            read: &settled,
            profile: self.profile.as_deref(),
            overrides: &self.overrides,
        }
    }

    /// The same config, to be followed while arcanos runs.
    pub(crate) fn into_source(self) -> Source {
        Source::new(self.file, self.profile, self.overrides, self.environment)
            .with_first_text(&self.text)
    }

    /// The failure that shows these errors with their lines.
    pub(crate) fn rejected(&self, errors: &ConfigErrors) -> Failure {
        let n = errors.0.len();
        let plural = if n == 1 { "" } else { "s" };
        let message = format!("`{}` has {n} error{plural}", os_text::shown_path(&self.file));
        Failure::new(exit::BAD_USAGE, message).with_details(errors.pretty(&self.text))
    }
}

/// The content of a file, once no program writes to it; `None` if there is none.
fn settled(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match read_when_settled(path, MAX_FILE, SETTLE_TIMEOUT).map_err(|error| error.to_string())? {
        Settled::Content(content) => Ok(Some(content)),
        Settled::Missing => Ok(None),
        Settled::Held => Err("is being written by another program".to_owned()),
    }
}

/// What the folder of workers holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folder {
    pub(crate) discovered: Discovered,
    /// Why nothing could be found, where that is not a failure.
    pub(crate) note: Option<String>,
}

/// Looks at the folder of workers as a start of arcanos would, by this config of the file that
/// `globals` name.
///
/// A folder that is not there is an empty one: it is made at start. The files of the workers that
/// run keep their ids.
///
/// # Errors
/// The folder cannot be followed.
pub(crate) fn folder(
    globals: &Globals,
    config: &Config,
    running: &[Worker],
) -> Result<Folder, Failure> {
    let holder = |id: &WorkerId| {
        let worker = running.iter().find(|worker| worker.id == id.as_str())?;
        worker.file.as_ref().map(PathBuf::from)
    };
    let failed = |error: &dyn Error| Failure::new(exit::FAILED, chain(error));
    let directory = &config.discovery.directory;
    let rules = Rules::of(config).map_err(|error| failed(&error))?;
    let file = config_file(globals);
    let mut scanner = Scanner::new(file.parent().unwrap_or(&file));
    let begin = Instant::now();
    loop {
        let scan = match scanner.scan(&rules, directory, Instant::now(), &ChangedPaths::Anything) {
            Err(ScanError::Missing(_)) => {
                let note =
                    format!("`{}` is missing; it is made at start", os_text::shown_path(directory));
                return Ok(Folder { note: Some(note), ..Folder::default() });
            }
            other => other.map_err(|error| failed(&error))?,
        };
        match scan.wake.filter(|_| scan.pending && begin.elapsed() < SETTLE_TIMEOUT) {
            Some(wake) => thread::sleep(wake.min(SETTLE_TIMEOUT)),
            None => {
                let discovered = judge(&rules, &scan.listing, &holder);
                return Ok(Folder { discovered, note: None });
            }
        }
    }
}

/// The workers that the folder holds as they would run.
pub(crate) fn specs(site: &Site, config: &Config, folder: &Folder) -> Desired {
    let upstream = config.model.upstream.base_url(None);
    let base = site.file.parent().map(Path::to_owned).unwrap_or_default();
    let surroundings = Surroundings { base, upstream, packages: None };
    let config = Arc::new(config.clone());
    desired(&config, &folder.discovered.candidates, &surroundings, &Desired::default())
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
        for part in
            ["arcanos.toml:2:1: ", "max_atempts = …\n", "arcanos.toml:3:9: ", "has 2 errors"]
        {
            assert!(failure.contains(part), "{part:?} in {failure}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_holds_nothing_and_says_so() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("arcanos.toml");
        std::fs::write(&file, "").unwrap();
        let loaded = config(&globals(&file)).expect("an empty one is good");
        let folder = folder(&globals(&file), &loaded.config, &[]).expect("no failure");
        assert!(folder.discovered.verdicts.is_empty() && folder.note.is_some());
    }
}
