//! No text makes the config panic, and no error shows a secret.

#![no_main]

use std::{collections::BTreeMap, path::Path};

use arcanos::internals::config::{self, Inputs};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "sesame-open-0123";

fuzz_target!(|text: &str| {
    let environment = BTreeMap::from([("A_KEY".to_owned(), SECRET.to_owned())]);
    let loaded = config::load(&Inputs {
        file: Path::new("/site/arcanos.toml"),
        text,
        environment: &environment,
        read: &|_| Ok(None),
        profile: None,
        overrides: &[],
    });
    if let Err(errors) = loaded {
        for error in &errors.0 {
            assert!(!error.to_string().contains(SECRET), "{error}");
        }
        let _ = errors.pretty(text);
    }
});
