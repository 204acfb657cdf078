//! The globs of `[workers.ID] watch`: which other files a worker depends on.
//!
//! Paths are relative to the folder of the config. Hidden files and `node_modules` match only where
//! a part of the glob names them; what arcanos itself writes never matches.

use std::path::{Path, PathBuf};

use globset::{Glob, GlobBuilder, GlobMatcher};

/// Characters that make a glob more than a path.
const META: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// A folder whose content nobody edits.
const MODULES: &str = "node_modules";

/// The globs of one worker, compiled.
#[derive(Debug)]
pub struct WatchGlobs {
    globs: Vec<WatchGlob>,
    /// Files and folders that arcanos writes itself.
    own: Vec<PathBuf>,
}

#[derive(Debug)]
struct WatchGlob {
    whole: Vec<GlobMatcher>,
    parts: Vec<Part>,
}

/// What stands between two slashes of a glob.
#[derive(Debug)]
struct Part {
    text: String,
    /// `None` fits any path from here on: for `**`, and for braces that hold a slash.
    matcher: Option<GlobMatcher>,
}

impl WatchGlobs {
    /// Compiles globs that the config has checked. `own` are the files and folders, from the folder
    /// of the config, that arcanos writes: nothing in them matches, nor what is named after them,
    /// as a rotated log.
    ///
    /// # Errors
    /// If one does not compile.
    pub fn compile(globs: &[String], own: Vec<PathBuf>) -> Result<Self, globset::Error> {
        let globs = globs.iter().map(|glob| WatchGlob::compile(glob)).collect::<Result<_, _>>()?;
        Ok(Self { globs, own })
    }

    /// Whether a file at this path counts.
    #[must_use]
    pub fn matches(&self, path: &Path) -> bool {
        !self.is_own(path) && self.globs.iter().any(|glob| glob.matches(path))
    }

    /// Whether a file that counts may lie in this folder.
    #[must_use]
    pub fn enters(&self, folder: &Path) -> bool {
        !self.is_own(folder) && self.globs.iter().any(|glob| glob.enters(folder))
    }

    /// Whether a glob spells the way to this folder out: then it may be a link.
    #[must_use]
    pub fn spells(&self, folder: &Path) -> bool {
        self.globs.iter().any(|glob| {
            let mut parts = glob.parts.iter();
            folder.iter().all(|name| parts.next().is_some_and(|part| name == part.text.as_str()))
        })
    }

    fn is_own(&self, path: &Path) -> bool {
        let is_rotated = |own: &Path| {
            let names = own.file_name().zip(path.file_name());
            own.parent() == path.parent()
                && names.is_some_and(|(own, name)| {
                    let rest = name.as_encoded_bytes().strip_prefix(own.as_encoded_bytes());
                    rest.is_some_and(|rest| rest.starts_with(b"."))
                })
        };
        self.own.iter().any(|own| path.starts_with(own) || is_rotated(own))
    }
}

impl WatchGlob {
    fn compile(glob: &str) -> Result<Self, globset::Error> {
        let texts = || glob.split('/').filter(|text| !matches!(*text, "" | "."));
        let text = texts().collect::<Vec<_>>().join("/");
        let mut parts: Vec<Part> = texts().map(Part::new).collect();
        let mut whole = vec![compile(&text)?.compile_matcher()];
        // The path of a folder means all that is in it.
        if glob.ends_with('/') || !text.contains(META) {
            whole.push(compile(&format!("{text}/**"))?.compile_matcher());
            parts.push(Part::new("**"));
        }
        Ok(Self { whole, parts })
    }

    fn matches(&self, path: &Path) -> bool {
        self.whole.iter().any(|whole| whole.is_match(path)) && self.names_the_unusual(path)
    }

    fn enters(&self, folder: &Path) -> bool {
        let mut parts = self.parts.iter();
        for name in folder {
            match parts.next().map(|part| &part.matcher) {
                None => return false,
                Some(None) => return self.names_the_unusual(folder),
                Some(Some(matcher)) if matcher.is_match(name) => {}
                Some(Some(_)) => return false,
            }
        }
        parts.next().is_some() && self.names_the_unusual(folder)
    }

    /// Whether each hidden name in a path, and each `node_modules`, is named by a part.
    fn names_the_unusual(&self, path: &Path) -> bool {
        path.iter().all(|name| {
            let name = name.to_string_lossy();
            let is_unusual = name.starts_with('.') || name == MODULES;
            !is_unusual || self.parts.iter().any(|part| part.names(&name))
        })
    }
}

impl Part {
    fn new(text: &str) -> Self {
        let matcher = compile(text).ok().filter(|_| text != "**");
        Self { text: text.to_owned(), matcher: matcher.map(|glob| glob.compile_matcher()) }
    }

    fn names(&self, name: &str) -> bool {
        let is_spelled = match name.strip_prefix('.') {
            Some(_) => {
                self.text.starts_with('.') || self.text.contains("{.") || self.text.contains(",.")
            }
            None => self.text.contains(name),
        };
        is_spelled && self.matcher.as_ref().is_none_or(|matcher| matcher.is_match(name))
    }
}

fn compile(glob: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(glob).literal_separator(true).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(globs: &[&str]) -> WatchGlobs {
        let globs: Vec<String> = globs.iter().map(|&glob| glob.to_owned()).collect();
        let own = vec!["memory/logs".into(), "memory/session.log".into()];
        WatchGlobs::compile(&globs, own).expect("good globs")
    }

    #[test]
    fn a_glob_matches_files_below_the_folder_of_the_config() {
        for (glob, path, expected) in [
            ("prompts/**", "prompts/a.md", true),
            ("prompts/**", "prompts/de/a.md", true),
            ("./prompts//**", "prompts/a.md", true),
            ("prompts/**", "other/a.md", false),
            ("prompts/*.md", "prompts/a.md", true),
            ("prompts/*.md", "prompts/de/a.md", false),
            ("prompts", "prompts/de/a.md", true),
            ("prompts/", "prompts/a.md", true),
            ("prompts/*/", "prompts/de/a.md", true),
            ("persona.json", "persona.json", true),
            ("**/*.md", "a.md", true),
            ("{prompts,data/x}/*.md", "data/x/a.md", true),
            ("prompts/**", "prompts/.a.md.swp", false),
            ("prompts/**", "prompts/.git/a.md", false),
            ("**", "node_modules/p/index.js", false),
            ("**", "memory/logs/a.log", false),
            ("**", "memory/session.log.1", false),
            ("**", "memory/session.json", true),
            (".env.*", ".env.local", true),
            ("prompts/.shared/**", "prompts/.shared/a.md", true),
            ("{.env,config.json}", ".env", true),
            ("node_modules/p/*.json", "node_modules/p/data.json", true),
        ] {
            assert_eq!(globs(&[glob]).matches(Path::new(path)), expected, "{glob} {path}");
        }
    }

    #[test]
    fn every_folder_on_the_way_to_a_match_is_entered_and_few_others() {
        for (glob, folder, expected) in [
            ("prompts/de/*.md", "", true),
            ("prompts/de/*.md", "prompts", true),
            ("prompts/de/*.md", "prompts/de", true),
            ("prompts/de/*.md", "prompts/de/deep", false),
            ("prompts/de/*.md", "workers", false),
            ("prompts/**", "prompts/de/deep", true),
            ("prompts/**", "prompts/.git", false),
            ("*/a.md", "any", true),
            ("*/a.md", ".git", false),
            ("{a/b,c}/*.md", "a/b", true),
            ("prompts", "prompts/deep", true),
            ("**", "node_modules", false),
            ("**", "memory/logs", false),
        ] {
            assert_eq!(globs(&[glob]).enters(Path::new(folder)), expected, "{glob} {folder}");
        }
        assert!(globs(&["x", "prompts/*.md"]).spells(Path::new("prompts")));
        assert!(!globs(&["*/*.md"]).spells(Path::new("prompts")));
    }
}
