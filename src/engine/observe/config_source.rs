//! The source of the config: the file, the files it names, the environment and the options that
//! arcanos was started with.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Instant,
};

use super::permissions::{Content, PermissionReport};
use crate::{
    config::{self, Config, Inputs, Loaded, Override},
    discovery::fingerprint,
    domain::{Fingerprint, os_text},
    files::{REMOVED_AFTER, ReadError, Settled, read_settled, state::Draft},
};

/// The largest config that is read; the figure is the contract's.
const MAX_CONFIG: u64 = 1 << 20;

/// Where the config comes from.
#[derive(Clone)]
pub struct Source {
    file: PathBuf,
    profile: Option<String>,
    overrides: Vec<Override>,
    environment: BTreeMap<String, String>,
    /// Whether the config has been empty since arcanos started: then that is meant, and stands for
    /// the defaults.
    is_empty: bool,
    /// Files that the last config names.
    named: Vec<PathBuf>,
    /// Those of its files in which a secret stands.
    secret: Vec<PathBuf>,
    /// A digest of everything that was read last.
    seen: Option<Fingerprint>,
    /// The files that existed when they were last read, each with since when it is missing.
    there: RefCell<BTreeMap<PathBuf, Option<Instant>>>,
}

/// What loading the config came to.
pub enum LoadOutcome {
    /// The same as last time.
    Same,
    /// A program still writes to one of its files.
    Held,
    /// A good one.
    Loaded(Box<Loaded>),
    /// A bad one.
    Bad(ConfigFault),
}

/// What is wrong with a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// One text an error, as `arcanos.toml:LINE:COLUMN: KEY: …`.
    pub errors: Vec<String>,
    /// The same with the lines of the file and carets under the places.
    pub pretty: String,
}

impl Source {
    /// A config that was good when arcanos started. `file` is absolute.
    #[must_use]
    pub fn new(
        file: PathBuf,
        profile: Option<String>,
        overrides: Vec<Override>,
        environment: BTreeMap<String, String>,
    ) -> Self {
        Self {
            file,
            profile,
            overrides,
            environment,
            is_empty: false,
            named: Vec::new(),
            secret: Vec::new(),
            seen: None,
            there: RefCell::default(),
        }
    }

    /// The same, of a config that was empty when arcanos started, or was not.
    #[must_use]
    pub fn with_first_text(self, text: &str) -> Self {
        Self { is_empty: is_empty(text), ..self }
    }

    /// A source that has read nothing yet, of the draft if there is one, with the same environment
    /// and options.
    pub(in crate::engine) fn anew(&self, draft: Option<Draft>) -> Self {
        let mut overrides = self.overrides.clone();
        let (file, profile) = match draft {
            Some(draft) => {
                overrides.extend(draft.overrides);
                (draft.config, draft.profile.or_else(|| self.profile.clone()))
            }
            None => (self.file.clone(), self.profile.clone()),
        };
        // What a new file says when it is first read is meant.
        let is_empty = self.is_empty || file != self.file;
        let source = Self::new(file, profile, overrides, self.environment.clone());
        Self { is_empty, ..source }
    }

    /// The config file, absolute.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The folder of the config file.
    #[must_use]
    pub fn base(&self) -> &Path {
        self.file.parent().unwrap_or(&self.file)
    }

    /// The files that the last config named, absolute.
    #[must_use]
    pub fn named(&self) -> &[PathBuf] {
        &self.named
    }

    /// Who else may write to its files, or read the secrets in them, as they are now.
    pub(in crate::engine) fn permissions(&self) -> PermissionReport {
        let files = std::iter::once(&self.file).chain(&self.named);
        PermissionReport::of(files.map(|file| match self.secret.contains(file) {
            true => (file.as_path(), Content::Secret),
            false => (file.as_path(), Content::Plain),
        }))
    }

    /// Loads the config if anything of it has changed.
    pub fn look(&mut self) -> LoadOutcome {
        let name = os_text::shown_path(Path::new(self.file.file_name().unwrap_or_default()));
        let text = match self.read(&self.file) {
            Ok(Settled::Content(bytes)) => String::from_utf8(bytes).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                format!("{name}: the file is not UTF-8 text (byte {at}); save it as UTF-8")
            }),
            Ok(Settled::Held) => return LoadOutcome::Held,
            Ok(Settled::Missing) => Err(format!(
                "{}: the file does not exist; write it with `arcanos init`, or name another with \
                 --config FILE",
                os_text::shown_path(&self.file)
            )),
            Err(error) => Err(format!("{name}: {error}")),
        };
        let text = match text {
            Ok(text) if is_empty(&text) && !self.is_empty => Err(format!(
                "{name}: the file is empty and was not before; while arcanos runs that is taken for \
                 a mistake"
            )),
            other => other,
        };
        if text.as_ref().is_ok_and(|text| !is_empty(text)) {
            self.is_empty = false;
        }
        let text_digest = digest_of(&text);
        if self.seen == Some(self.with_named(text_digest)) {
            return LoadOutcome::Same;
        }
        let look = match text {
            Ok(text) => self.load(&text),
            Err(error) => {
                LoadOutcome::Bad(ConfigFault { pretty: error.clone(), errors: vec![error] })
            }
        };
        if matches!(look, LoadOutcome::Held) {
            return look;
        }
        // The files that the new config names are part of what was read.
        self.seen = Some(self.with_named(text_digest));
        look
    }

    fn load(&mut self, text: &str) -> LoadOutcome {
        let is_held = Cell::new(false);
        let named = RefCell::new(Vec::new());
        let texts = RefCell::new(vec![(self.file.clone(), text.to_owned())]);
        let read = |path: &Path| {
            named.borrow_mut().push(path.to_owned());
            match self.read(path) {
                Ok(Settled::Content(bytes)) => {
                    texts.borrow_mut().push((path.to_owned(), os_text::kept(&bytes)));
                    Ok(Some(bytes))
                }
                Ok(Settled::Missing) => Ok(None),
                Ok(Settled::Held) => {
                    is_held.set(true);
                    Ok(None)
                }
                Err(error) => Err(error.to_string()),
            }
        };
        let inputs = Inputs {
            file: &self.file,
            text,
            environment: &self.environment,
            read: &read,
            profile: self.profile.as_deref(),
            overrides: &self.overrides,
        };
        let result = config::load(&inputs);
        if is_held.get() {
            return LoadOutcome::Held;
        }
        self.named = named.into_inner();
        if let Ok(loaded) = &result {
            self.secret = with_secrets(&loaded.config, texts.into_inner());
        }
        match result {
            Ok(loaded) => LoadOutcome::Loaded(Box::new(loaded)),
            Err(errors) => LoadOutcome::Bad(ConfigFault {
                errors: errors.0.iter().map(ToString::to_string).collect(),
                pretty: errors.pretty(text),
            }),
        }
    }

    /// Reads a file. One that has just disappeared counts as held for a while: many programs save
    /// by moving the old file away first.
    fn read(&self, path: &Path) -> Result<Settled, ReadError> {
        let found = read_settled(path, MAX_CONFIG);
        let mut there = self.there.borrow_mut();
        match &found {
            Ok(Settled::Missing) => {
                let Some(gone) = there.get_mut(path) else { return found };
                if gone.get_or_insert_with(Instant::now).elapsed() < REMOVED_AFTER {
                    return Ok(Settled::Held);
                }
                there.remove(path);
            }
            Ok(Settled::Content(_) | Settled::Held) | Err(_) => {
                there.insert(path.to_owned(), None);
            }
        }
        found
    }

    /// A digest of the text and of the files that the last config named.
    fn with_named(&self, text: Fingerprint) -> Fingerprint {
        let mut parts = vec![text];
        for path in &self.named {
            parts.push(fingerprint(path.as_os_str().as_bytes()));
            parts.push(match self.read(path) {
                Ok(Settled::Content(bytes)) => tagged(b'c', &bytes),
                Ok(Settled::Held) => tagged(b'h', b""),
                Ok(Settled::Missing) => tagged(b'm', b""),
                Err(error) => tagged(b'e', error.to_string().as_bytes()),
            });
        }
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.0.to_be_bytes()).collect();
        fingerprint(&bytes)
    }
}

/// Whether a config says nothing at all.
fn is_empty(text: &str) -> bool {
    text.trim().is_empty()
}

/// The files that contain the value of a secret.
fn with_secrets(config: &Config, texts: Vec<(PathBuf, String)>) -> Vec<PathBuf> {
    let is_in = |text: &str, value: &str| !value.is_empty() && text.contains(value);
    let holds = |text: &str| {
        let token = config.server.token.iter();
        let mut values = config.secrets.iter().map(|secret| &secret.value).chain(token);
        values.any(|value| is_in(text, value.expose()))
    };
    texts.into_iter().filter(|(_, text)| holds(text)).map(|(path, _)| path).collect()
}

fn digest_of(text: &Result<String, String>) -> Fingerprint {
    match text {
        Ok(text) => tagged(b'c', text.as_bytes()),
        Err(error) => tagged(b'e', error.as_bytes()),
    }
}

/// The digest of bytes of this kind: the same bytes of another kind have another one.
fn tagged(kind: u8, bytes: &[u8]) -> Fingerprint {
    fingerprint(&[&[kind], bytes].concat())
}
