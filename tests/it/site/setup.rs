//! What a site holds before its arcanos starts.

use std::{collections::BTreeMap, ffi::OsString};

use super::Site;

/// A rule that runs `*.sh` with sh, without a channel.
pub(crate) const SH_RULE: &str = "{ name = 'sh', files = ['*.sh'], command = ['/bin/sh', '{file}'], ipc = false, mode = 'script' }";
/// The rule that arcanos has by itself.
pub(crate) const NODE_RULE: &str = "{ name = 'openai-node', files = ['*.js', '*.mjs', '*.cjs'], imports = ['openai'], \
     command = ['node', '{file}'], ipc = true, mode = 'auto' }";
/// Stands for the `openai` package where a worker only has to import it.
const OPENAI: &str = "class OpenAI { constructor(options) { this.options = options } }\n\
     module.exports = OpenAI; module.exports.default = OpenAI;\n";

/// A site in the making: its config, its files and the environment of its arcanos.
#[must_use]
pub(crate) struct Setup {
    keys: BTreeMap<String, String>,
    files: Vec<(String, String)>,
    environment: Vec<(OsString, OsString)>,
    arguments: Vec<String>,
}

impl Setup {
    /// sh and Node workers, the stand-in, quick delays and a port of its own.
    pub(crate) fn new() -> Self {
        let rules = format!("[{SH_RULE}, {NODE_RULE}]");
        Self::bare()
            .set("discovery.prepare", "[]")
            .set("discovery.rules", &rules)
            .set("model.upstream", "'echo'")
            .set("restart.delay", "'20ms'")
            .set("restart.jitter", "0.0")
            .set("server.listen", "'127.0.0.1:0'")
            .set("start.alive_after", "'50ms'")
            .set("stop.timeout", "'5s'")
    }

    /// An empty config.
    pub(crate) fn bare() -> Self {
        Self {
            keys: BTreeMap::new(),
            files: Vec::new(),
            environment: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// Sets a key of the config: its path, and its value as TOML.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.keys.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Leaves a key of [`Setup::new`] to its default.
    pub(crate) fn unset(mut self, key: &str) -> Self {
        self.keys.remove(key).expect("it was set");
        self
    }

    /// Adds a file of the site.
    pub(crate) fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Adds a file under `workers/`.
    pub(crate) fn worker(self, name: &str, text: &str) -> Self {
        self.file(&format!("workers/{name}"), text)
    }

    /// Puts a package in place that can be imported as `openai`, and does nothing.
    pub(crate) fn openai(self) -> Self {
        self.worker("node_modules/openai/index.js", OPENAI)
    }

    /// Sets a variable of the environment of arcanos.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Adds an argument of arcanos.
    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Writes everything down; starts nothing.
    pub(crate) fn lay(self) -> Site {
        let mut site = Site::empty();
        site.keys = self.keys;
        site.environment = self.environment;
        site.arguments = self.arguments;
        site.save();
        for (name, text) in self.files {
            site.write(&name, text);
        }
        site
    }

    /// Writes everything down, starts arcanos and waits until it answers.
    pub(crate) fn start(self) -> Site {
        let mut site = self.lay();
        site.start();
        site
    }
}
