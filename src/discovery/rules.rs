//! The rules of `[discovery]`, compiled.
//!
//! Says which names matter at all. What a file must contain is asked in `judge`, by what
//! `analysis` found in it.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use regex::{Regex, RegexBuilder};
use serde_json::{Value, json};

use super::{digest::fingerprint, graph::is_beside, python::is_python};
use crate::{
    config::{self, Config, View, WorldWritable},
    domain::{Fingerprint, WorkerId, is_main_module, os_text},
};

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
    world_writable: WorldWritable,
    pub(super) rules: Vec<Rule>,
    /// Workers by declaration.
    declared: Vec<Declared>,
    /// Every package that some rule asks for, once.
    pub(super) packages: Vec<String>,
    digest: Fingerprint,
}

/// A worker that `[workers.ID] file` declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) id: WorkerId,
    /// From the folder of workers.
    pub(super) file: PathBuf,
    /// Whether it needs no rule to say how it is run.
    pub(super) has_command: bool,
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

/// Whether a file of this name holds TypeScript.
pub(super) fn is_typescript(name: &Path) -> bool {
    let extension = name.extension().and_then(OsStr::to_str);
    matches!(extension, Some("ts" | "mts" | "cts" | "tsx"))
}

/// The digest of all of `[discovery]` on which verdicts rest.
fn digest_of(discovery: &config::Discovery) -> Fingerprint {
    let rule = |rule: &config::Rule| {
        let is_code = rule.on == View::Code;
        json!([rule.files, rule.imports, rule.any, rule.all, rule.none, is_code])
    };
    let accepts_open = discovery.world_writable == WorldWritable::Warn;
    let rules: Vec<Value> = discovery.rules.iter().map(rule).collect();
    let all = json!([discovery.ignore, discovery.recursive, accepts_open, rules]);
    fingerprint(all.to_string().as_bytes())
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
        Ok(Self {
            ignore: globs(&discovery.ignore)?,
            ignore_text: discovery.ignore.clone(),
            recursive: discovery.recursive,
            world_writable: discovery.world_writable,
            rules,
            declared: Vec::new(),
            packages,
            digest: digest_of(discovery),
        })
    }

    /// Compiles what a config says about discovery, with the workers that it declares.
    ///
    /// # Errors
    /// As [`Rules::compile`].
    pub fn of(config: &Config) -> Result<Self, RulesError> {
        let mut rules = Self::compile(&config.discovery)?;
        for (id, settings) in &config.workers {
            if let (Ok(id), Some(file)) = (WorkerId::parse(id), &settings.file) {
                let file = way_to(&config.discovery.directory, file);
                let has_command = settings.command.is_some();
                rules.declared.push(Declared { id, file, has_command });
            }
        }
        let mut parts = rules.digest.0.to_be_bytes().to_vec();
        for declared in &rules.declared {
            let file = fingerprint(declared.file.as_os_str().as_bytes());
            parts.extend(file.0.to_be_bytes());
        }
        rules.digest = fingerprint(&parts);
        Ok(rules)
    }

    /// The workers by declaration, by id.
    pub(super) fn declared(&self) -> &[Declared] {
        &self.declared
    }

    /// The files of workers by declaration, from the folder of workers.
    pub fn declared_files(&self) -> impl Iterator<Item = &Path> {
        self.declared.iter().map(|declared| declared.file.as_path())
    }

    /// Whether files in folders of the folder are workers too.
    #[must_use]
    pub const fn is_recursive(&self) -> bool {
        self.recursive
    }

    /// Whether what anyone may write to runs, with a warning.
    #[must_use]
    pub fn accepts_open(&self) -> bool {
        self.world_writable == WorldWritable::Warn
    }

    /// A digest that differs where these rules may judge a file differently than others.
    #[must_use]
    pub const fn digest(&self) -> Fingerprint {
        self.digest
    }

    /// Whether this path is passed over: by its name, or by a glob of `ignore`.
    ///
    /// A file that is passed over is not a worker. It may still be a helper of one.
    #[must_use]
    pub fn is_ignored(&self, rel: &Path) -> bool {
        unfit_part(rel).is_some() || self.ignore.is_match(rel)
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

    /// Whether a file is where workers may be.
    pub(super) fn is_in_place(&self, rel: &Path) -> bool {
        if self.recursive { !is_beside(rel) } else { rel.components().count() == 1 }
    }

    /// Whether this file may be a worker, as far as its path says.
    #[must_use]
    pub fn is_eligible(&self, rel: &Path) -> bool {
        (self.is_in_place(rel) && !self.is_ignored(rel) && self.fits(rel))
            || self.declared_files().any(|file| file == rel)
    }

    /// Whether a change of a file of this name in a folder of workers can matter.
    ///
    /// Broad on purpose: a look too many costs little, one too few a change that is seen late.
    #[must_use]
    pub fn is_of_interest(&self, name: &OsStr) -> bool {
        let path = Path::new(name);
        !name.as_encoded_bytes().starts_with(b".")
            && (is_javascript(path)
                || is_python(path)
                || path.extension() == Some(OsStr::new("json"))
                || self.fits(path))
    }

    /// The rules whose `files` fits the file's name, with their places.
    pub(super) fn fitting(&self, rel: &Path) -> impl Iterator<Item = (usize, &Rule)> {
        let name = rel.file_name().unwrap_or_default();
        let name = Path::new(name);
        self.rules.iter().enumerate().filter(move |(_, rule)| rule.files.is_match(name))
    }

    /// Why this path is not a worker, whatever the file holds.
    pub(super) fn refusal(&self, rel: &Path) -> Option<String> {
        if let Some(reason) = unfit_part(rel) {
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

/// The way from a folder to a file, both absolute and plain.
#[must_use]
pub fn way_to(folder: &Path, file: &Path) -> PathBuf {
    let common = folder.components().zip(file.components());
    let common = common.take_while(|(one, other)| one == other).count();
    let up = folder.components().skip(common).map(|_| Component::ParentDir);
    up.chain(file.components().skip(common)).collect()
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

/// Why a path is passed over by a name in it, if it is. The name that Python gives to what runs a
/// package begins with `_` and is none of those.
fn unfit_part(rel: &Path) -> Option<String> {
    let named = if is_main_module(rel) { rel.parent().unwrap_or(rel) } else { rel };
    named.components().find_map(unfit_name)
}

/// Why a file or folder of this name is passed over, if it is.
fn unfit_name(part: Component<'_>) -> Option<String> {
    let Component::Normal(name) = part else {
        return None;
    };
    let name = os_text::kept_os(name);
    if let Some(first) = name.chars().next().filter(|c| matches!(c, '.' | '_')) {
        return Some(format!("passed over: the name begins with `{first}`"));
    }
    let ending = UNFINISHED.iter().find(|ending| name.ends_with(**ending))?;
    Some(format!("passed over: the name ends in `{ending}`"))
}
