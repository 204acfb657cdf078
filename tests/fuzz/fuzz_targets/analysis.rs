//! No file makes its analysis panic.

#![no_main]

use std::{collections::BTreeMap, path::Path, sync::LazyLock};

use arcanos::internals::{
    config::{self, Inputs},
    discovery::{Rules, analyse},
};
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let loaded = config::load(&Inputs {
        file: Path::new("/site/arcanos.toml"),
        text: "",
        environment: &BTreeMap::new(),
        read: &|_| Ok(None),
        profile: None,
        overrides: &[],
    });
    let config = loaded.expect("an empty config is good").config;
    Rules::compile(&config.discovery).expect("the default rules are good")
});

fuzz_target!(|bytes: &[u8]| {
    let _ = analyse(&RULES, Path::new("worker.js"), bytes);
    let _ = analyse(&RULES, Path::new("worker.mjs"), bytes);
});
