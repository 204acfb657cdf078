//! The whole way of a config, from text to what people see of it.

mod dotenv;
mod effective;
mod environment;
mod errors;
mod layers;
mod liveness;
mod readme;
mod schema;
mod secrets;
mod shipped;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{ConfigErrors, Inputs, Loaded, Override, load};

/// All that a config is made of, in memory.
#[derive(Default)]
struct Site {
    text: String,
    environment: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
    profile: Option<String>,
    overrides: Vec<Override>,
}

impl Site {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// A file beside the config.
    fn file(mut self, name: &str, text: &str) -> Self {
        self.files.insert(format!("/site/{name}"), text.into());
        self
    }

    fn profile(mut self, name: &str) -> Self {
        self.profile = Some(name.into());
        self
    }

    fn set(mut self, key: &str, value: &str) -> Self {
        self.overrides.push(Override { key: key.into(), value: value.into() });
        self
    }

    fn load(&self) -> Result<Loaded, ConfigErrors> {
        self.with_inputs(load)
    }

    /// The files that loading it reads, in order, whether they exist or not.
    fn files_read(&self) -> Vec<PathBuf> {
        let read = RefCell::new(Vec::new());
        self.with_inputs(|inputs| {
            let note = |path: &Path| {
                read.borrow_mut().push(path.to_owned());
                (inputs.read)(path)
            };
            let _ = load(&Inputs { read: &note, ..*inputs });
        });
        read.into_inner()
    }

    fn with_inputs<T>(&self, ask: impl FnOnce(&Inputs<'_>) -> T) -> T {
        let read = |path: &Path| {
            let path = path.to_str().expect("the tests' paths are text");
            if path.ends_with("denied") {
                return Err("permission denied".to_owned());
            }
            Ok(self.files.get(path).map(|text| text.clone().into_bytes()))
        };
        ask(&Inputs {
            file: Path::new("/site/arcanos.toml"),
            text: &self.text,
            environment: &self.environment,
            read: &read,
            profile: self.profile.as_deref(),
            overrides: &self.overrides,
        })
    }

    #[track_caller]
    fn good(&self) -> Loaded {
        self.load().unwrap_or_else(|errors| panic!("a bad config:\n{errors}"))
    }

    #[track_caller]
    fn errors(&self) -> ConfigErrors {
        self.load().expect_err("a bad config")
    }

    #[track_caller]
    fn said(&self) -> String {
        self.errors().to_string()
    }
}
