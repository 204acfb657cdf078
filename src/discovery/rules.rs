//! The rules of `[discovery]`, compiled.
//!
//! Says which names matter at all. What a file must contain is asked in `judge`, by what
//! `analysis` found in it.

use std::{
    ffi::OsStr,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Component, Path},
};

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use regex::{Regex, RegexBuilder};

use super::graph::is_beside;
use crate::config::{self, View};

/// Endings of names that editors and copying tools give to what is not finished.
const UNFINISHED: [&str; 3] = ["~", ".swp", ".tmp"];

/// Endings of names that hold JavaScript, or TypeScript that a rule asks for.
const JAVASCRIPT: [&str; 8] = ["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"];

/// The compiled rules of one config.
#[derive(Debug)]
pub struct Rules {
    ignore: GlobSet,
    ignore_text: Vec<String>,
    recursive: bool,
    pub(super) rules: Vec<Rule>,
    /// Every package that some rule asks for, once.
    pub(super) packages: Vec<String>,
    digest: u64,
}

/// One rule, compiled.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    files: GlobSet,
    /// Places in [`Rules::packages`].
    pub(super) packages: Vec<usize>,
    pub(super) any: Vec<Regex>,
    pub(super) all: Vec<Regex>,
    pub(super) none: Vec<Regex>,
    pub(super) on: View,
}

/// Why rules do not compile. The config is checked before, so this is not expected.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// A pattern of file names.
    #[error("the glob `{glob}` is not understood")]
    Glob {
        /// The pattern.
        glob: String,
        /// What is wrong with it.
        #[source]
        source: globset::Error,
    },
    /// A pattern of text.
    #[error("the regex `{regex}` of rule `{rule}` is not understood")]
    Regex {
        /// The rule.
        rule: String,
        /// The pattern.
        regex: String,
        /// What is wrong with it.
        #[source]
        source: Box<regex::Error>,
    },
}

/// Whether a file of this name holds JavaScript or TypeScript.
#[must_use]
pub fn is_javascript(name: &Path) -> bool {
    name.extension()
        .and_then(OsStr::to_str)
        .is_some_and(|extension| JAVASCRIPT.contains(&extension))
}

impl Rules {
    /// Compiles what the config says about discovery.
    ///
    /// # Errors
    /// If a glob or a regex does not compile; a checked config has none such.
    pub fn compile(discovery: &config::Discovery) -> Result<Self, RulesError> {
        let mut packages = Vec::new();
        let rules = discovery
            .rules
            .iter()
            .map(|rule| Rule::compile(rule, &mut packages))
            .collect::<Result<_, _>>()?;
        let mut hasher = DefaultHasher::new();
        (&discovery.ignore, discovery.recursive).hash(&mut hasher);
        for rule in &discovery.rules {
            (&rule.files, &rule.imports, &rule.any, &rule.all, &rule.none).hash(&mut hasher);
            (rule.on == View::Code).hash(&mut hasher);
        }
        Ok(Self {
            ignore: globs(&discovery.ignore)?,
            ignore_text: discovery.ignore.clone(),
            recursive: discovery.recursive,
            rules,
            packages,
            digest: hasher.finish(),
        })
    }

    /// Whether files in folders of the folder are workers too.
    #[must_use]
    pub const fn is_recursive(&self) -> bool {
        self.recursive
    }

    /// A number that differs where these rules may judge a file differently than others.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// Whether this path is passed over: by its name, or by a glob of `ignore`.
    ///
    /// A file that is passed over is no worker. It may still be a helper of one.
    #[must_use]
    pub fn is_ignored(&self, rel: &Path) -> bool {
        rel.components().any(|part| unfit_name(part).is_some()) || self.ignore.is_match(rel)
    }

    /// Whether a folder is not entered in search of workers.
    #[must_use]
    pub fn is_closed(&self, folder: &Path) -> bool {
        folder.ends_with("node_modules")
            || self.is_ignored(folder)
            // A glob like `lib/**` does not match `lib` itself, but whatever lies in it.
            || self.ignore.is_match(folder.join("-"))
    }

    /// Whether some rule's `files` fits the file's name.
    #[must_use]
    pub fn fits(&self, rel: &Path) -> bool {
        self.fitting(rel).next().is_some()
    }

    /// Whether this file may be a worker, as far as its path says.
    #[must_use]
    pub fn is_eligible(&self, rel: &Path) -> bool {
        let is_in_place =
            if self.recursive { !is_beside(rel) } else { rel.components().count() == 1 };
        is_in_place && !self.is_ignored(rel) && self.fits(rel)
    }

    /// Whether a change of a file of this name in a folder of workers can matter.
    ///
    /// Broad on purpose: a look too many costs little, one too few a change that is seen late.
    #[must_use]
    pub fn is_of_interest(&self, name: &OsStr) -> bool {
        let path = Path::new(name);
        !name.as_encoded_bytes().starts_with(b".")
            && (is_javascript(path)
                || path.extension() == Some(OsStr::new("json"))
                || self.fits(path))
    }

    /// The rules whose `files` fits the file's name, with their places.
    pub(super) fn fitting(&self, rel: &Path) -> impl Iterator<Item = (usize, &Rule)> {
        let name = rel.file_name().unwrap_or_default();
        let name = Path::new(name);
        self.rules.iter().enumerate().filter(move |(_, rule)| rule.files.is_match(name))
    }

    /// Why this path is no worker whatever it holds.
    pub(super) fn refusal(&self, rel: &Path) -> Option<String> {
        if let Some(reason) = rel.components().find_map(unfit_name) {
            return Some(reason);
        }
        if let Some(at) = self.ignore.matches(rel).first() {
            return Some(format!("passed over by `{}` of `ignore`", self.ignore_text[*at]));
        }
        if !self.recursive && rel.components().count() > 1 {
            return Some("in a folder of its own; `recursive` is off".to_owned());
        }
        (!self.fits(rel)).then(|| "no rule's `files` fits the name".to_owned())
    }
}

impl Rule {
    fn compile(rule: &config::Rule, packages: &mut Vec<String>) -> Result<Self, RulesError> {
        let regexes = |patterns: &[String]| -> Result<Vec<Regex>, RulesError> {
            patterns.iter().map(|pattern| compile_regex(&rule.name, pattern)).collect()
        };
        let places = rule.imports.iter().map(|package| {
            let place = packages.iter().position(|known| known == package);
            place.unwrap_or_else(|| {
                packages.push(package.clone());
                packages.len() - 1
            })
        });
        Ok(Self {
            packages: places.collect(),
            name: rule.name.clone(),
            files: globs(&rule.files)?,
            any: regexes(&rule.any)?,
            all: regexes(&rule.all)?,
            none: regexes(&rule.none)?,
            on: rule.on,
        })
    }
}

/// Lines count: `^` and `$` match at each.
fn compile_regex(rule: &str, pattern: &str) -> Result<Regex, RulesError> {
    RegexBuilder::new(pattern).multi_line(true).build().map_err(|source| RulesError::Regex {
        rule: rule.to_owned(),
        regex: pattern.to_owned(),
        source: Box::new(source),
    })
}

fn globs(patterns: &[String]) -> Result<GlobSet, RulesError> {
    let fault = |glob: &str, source| RulesError::Glob { glob: glob.to_owned(), source };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob: Glob = GlobBuilder::new(pattern)
            .literal_separator(true)
            .build()
            .map_err(|source| fault(pattern, source))?;
        set.add(glob);
    }
    set.build().map_err(|source| fault("", source))
}

/// Why a file or folder of this name is passed over, if it is.
fn unfit_name(part: Component<'_>) -> Option<String> {
    let Component::Normal(name) = part else {
        return None;
    };
    let name = name.to_str()?;
    if let Some(first) = name.chars().next().filter(|c| matches!(c, '.' | '_')) {
        return Some(format!("passed over: the name begins with `{first}`"));
    }
    let ending = UNFINISHED.iter().find(|ending| name.ends_with(**ending))?;
    Some(format!("passed over: the name ends in `{ending}`"))
}
