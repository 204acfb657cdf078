//! Loads a config: the steps from text and variables to a checked [`Config`], in order.

use std::collections::BTreeMap;

use figment::value::{Dict, Value};

use super::{
    check::Checker,
    command_line,
    defaults::DEFAULT_TREE,
    document::Document,
    effective,
    environment::{self, Variables},
    error::{ConfigError, ConfigErrors, file_name},
    extract,
    hidden::Hidden,
    inputs::Inputs,
    interpolate::{self, InterpolationError},
    key::KeyPath,
    layers::{Layer, Layers, Origin, Source},
    model::Config,
    raw::{RawConfig, RawFile},
    report::Report,
    syntax, variables, wording,
};

/// The profiles that need no table in the file.
const BUILT_IN_PROFILES: [&str; 2] = ["development", "production"];

/// A good config, and what one may want to know about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The config.
    pub config: Config,
    /// Where each value comes from, by its key.
    pub sources: BTreeMap<String, Source>,
    /// What people should know though nothing is wrong; no secrets.
    pub warnings: Vec<String>,
    /// All keys with their values in the form of `arcanos.toml`, secrets as `"[redacted]"`.
    pub effective: serde_json::Value,
}

/// Makes the config of these inputs.
///
/// # Errors
/// Everything that is wrong, not only the first thing; of text that is not TOML, only that.
pub fn load(inputs: &Inputs<'_>) -> Result<Loaded, ConfigErrors> {
    let name = file_name(inputs.file);
    let (mut document, faults) = Document::parse(&name, inputs.text);
    if !faults.is_empty() {
        return Err(syntax::errors(&document, faults));
    }
    let tree = take_tree(&mut document);
    let mut stack = Stack::new(inputs, &document, tree);
    stack.check_forms();
    let profile = stack.pick_profile(inputs);
    let Stack { file, variables, command_line, mut report } = stack;
    let layers = layers((file, variables, command_line), &profile, &document, &name);
    let loaded = resolve(inputs, &layers, &profile, &mut report);
    match loaded {
        Some(loaded) if report.is_good() => Ok(loaded),
        _ => Err(report.into_errors(&document)),
    }
}

/// The values of a document, which only its places need to stay with.
pub(super) fn take_tree(document: &mut Document) -> Value {
    std::mem::replace(&mut document.tree, Value::from(Dict::new()))
}

/// The layers as they are written, before it is known which of them count.
pub(super) struct Stack<'a> {
    pub(super) file: Layer<'a>,
    pub(super) variables: Layer<'a>,
    pub(super) command_line: Vec<Layer<'a>>,
    pub(super) report: Report,
}

impl<'a> Stack<'a> {
    pub(super) fn new(inputs: &Inputs<'a>, document: &'a Document, tree: Value) -> Self {
        let (profile, _) = inputs.profile();
        let in_profile = KeyPath::of("profiles").key(profile);
        let mut below: Vec<&Value> = vec![&tree, &DEFAULT_TREE];
        below.extend(in_profile.find(&tree));
        let variables = variables::layer(inputs.environment, &below);
        let (command_line, bad_keys) = command_line::layers(inputs.overrides);
        let trees = [&*DEFAULT_TREE, &tree, &variables.tree].into_iter();
        let mut report =
            Report::new(Hidden::of(trees.chain(command_line.iter().map(|layer| &layer.tree))));
        bad_keys.into_iter().for_each(|error| report.push(error));
        Self {
            file: Layer {
                source: Source::File,
                origin: Origin::File(document, KeyPath::default()),
                tree,
            },
            variables,
            command_line,
            report,
        }
    }

    fn check_forms(&mut self) {
        extract::check::<RawFile>(&mut self.file, &mut self.report);
        extract::check::<RawConfig>(&mut self.variables, &mut self.report);
        for layer in &mut self.command_line {
            extract::check::<RawConfig>(layer, &mut self.report);
        }
    }

    /// The active profile; an error is reported if it does not exist.
    fn pick_profile(&mut self, inputs: &Inputs<'_>) -> String {
        let (profile, chosen) = inputs.profile();
        let in_file = KeyPath::of("profiles").find(&self.file.tree);
        let mut known: Vec<&str> = BUILT_IN_PROFILES.to_vec();
        let named = in_file.and_then(Value::as_dict).into_iter().flatten().map(|(k, _)| k.as_str());
        known.extend(named.filter(|name| !BUILT_IN_PROFILES.contains(name)));
        if let Some(place) = chosen
            && !known.contains(&profile)
        {
            let hint = match wording::nearest(profile, &known) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("expected one of {}", known.join(", ")),
            };
            let text = format!("no profile {}, {hint}", wording::quoted(profile));
            self.report.push(ConfigError::new(place, String::new(), text));
        }
        profile.to_owned()
    }
}

/// The layers that count under this profile, the lowest first.
pub(super) fn layers<'a>(
    (mut file, variables, command_line): (Layer<'a>, Layer<'a>, Vec<Layer<'a>>),
    profile: &str,
    document: &'a Document,
    name: &'a str,
) -> Layers<'a> {
    let key = KeyPath::of("profiles").key(profile);
    let nothing = || Value::from(Dict::new());
    let mut defaults = DEFAULT_TREE.clone();
    let built_in = Layer {
        source: Source::Profile,
        origin: Origin::Builtin(name),
        tree: key.take(&mut defaults).unwrap_or_else(nothing),
    };
    let in_file = Layer {
        source: Source::Profile,
        origin: Origin::File(document, key.clone()),
        tree: key.take(&mut file.tree).unwrap_or_else(nothing),
    };
    KeyPath::of("profiles").take(&mut defaults);
    KeyPath::of("profiles").take(&mut file.tree);
    let defaults = Layer { source: Source::Default, origin: Origin::Builtin(name), tree: defaults };
    let mut layers = vec![defaults, file, built_in, in_file, variables];
    layers.extend(command_line);
    Layers(layers)
}

/// Fills in, reads and checks what the layers come to.
fn resolve(
    inputs: &Inputs<'_>,
    layers: &Layers<'_>,
    profile: &str,
    report: &mut Report,
) -> Option<Loaded> {
    let (written, sources) = layers.merged();
    let variables = environment::variables(inputs, &written, layers, report);
    let mut tree = written.clone();
    fill_in(&mut tree, &variables, layers, report);
    let raw: Option<RawConfig> = extract::read_merged(&tree, &written, layers, report);
    let mut checker =
        Checker { inputs, layers, written: &written, variables: &variables, profile, report };
    let config = checker.config(raw.unwrap_or_default())?;
    Some(Loaded {
        sources: sources.of_leaves(&tree),
        effective: effective::render(&tree, &config),
        warnings: std::mem::take(&mut report.warnings),
        config,
    })
}

/// Fills in the references; what is not set is an error, but for a variable of the workers.
fn fill_in(tree: &mut Value, variables: &Variables, layers: &Layers<'_>, report: &mut Report) {
    let set = KeyPath::of("env.set");
    // That there is no key is reported where the model is checked, with what to do.
    let key = set.key("OPENAI_API_KEY");
    for unfilled in interpolate::fill_in(tree, &variables.available) {
        match &unfilled.fault {
            InterpolationError::Unset(name) if unfilled.path.starts_with(&set) => {
                if unfilled.path != key {
                    report.warnings.push(format!(
                        "{}: `${{{name}}}` is not set, so workers do not get this variable",
                        unfilled.path
                    ));
                }
            }
            fault => report.about(layers, &unfilled.path, fault.to_string()),
        }
    }
}
