//! [`InstanceLocator`]: reads from a config only what it takes to find the running arcanos.

use std::path::PathBuf;

use figment::value::Value;

use super::{
    defaults::DEFAULT_TREE,
    document::Document,
    environment,
    error::file_name,
    inputs::Inputs,
    interpolate,
    key::KeyPath,
    load::{Stack, layers, take_tree},
    model::Config,
    secret::Secret,
};
use crate::domain::os_text;

/// Where the running arcanos is found, and what it wants to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceLocator {
    /// `state.directory`, absolute.
    pub state_directory: PathBuf,
    /// The token of the status server, if it has one.
    pub token: Option<Secret>,
}

impl InstanceLocator {
    /// What a checked config says.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self { state_directory: config.state_directory.clone(), token: config.server.token.clone() }
    }

    /// Reads the few keys that matter, by the layers of the config, and checks nothing.
    ///
    /// A config that is broken just now must not keep anybody from talking to an arcanos that
    /// runs by an earlier one: of a text that is not TOML, what can be read counts, and a key
    /// that cannot be used has its default.
    #[must_use]
    pub fn read(inputs: &Inputs<'_>) -> Self {
        let name = file_name(inputs.file);
        let (mut document, _) = Document::parse(&name, inputs.text);
        let tree = take_tree(&mut document);
        let Stack { file, variables, command_line, mut report } =
            Stack::new(inputs, &document, tree);
        let (profile, _) = inputs.profile();
        let layers = layers((file, variables, command_line), profile, &document, &name);
        let (tree, _) = layers.merged();
        let variables = environment::variables(inputs, &tree, &layers, &mut report).available;
        let text = |tree: &Value, key: &str| {
            let text = KeyPath::of(key).find(tree)?.as_str()?;
            let filled = interpolate::filled(text, &variables).ok()?.into_owned();
            (!filled.trim().is_empty()).then_some(filled)
        };
        let directory = text(&tree, "state.directory")
            .or_else(|| text(&DEFAULT_TREE, "state.directory"))
            .unwrap_or_default();
        let from_file = || {
            let path = inputs.folder().join(os_text::os_string(&text(&tree, "server.token_file")?));
            let token = String::from_utf8((inputs.read)(&path).ok()??).ok()?;
            Some(token.trim().to_owned())
        };
        Self {
            state_directory: inputs
                .folder()
                .join(os_text::os_string(&directory))
                .components()
                .collect(),
            token: text(&tree, "server.token").or_else(from_file).map(Secret::from),
        }
    }
}
