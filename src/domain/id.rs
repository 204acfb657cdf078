//! Identifiers: of a worker, of a run, and of a generation of config and workers.

use std::{
    borrow::{Borrow, Cow},
    ffi::OsStr,
    fmt,
    path::Path,
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, de};

use super::os_text;

/// The longest id, in bytes (all of its characters are ASCII).
const MAX_LENGTH: usize = 64;

/// The name of the output of the preparation of packages in the logs.
const PREPARE: &str = "prepare";

/// Words that the command line, the routes and the logs use for themselves.
const RESERVED: [&str; 13] = [
    "arcanos",
    "status",
    "logs",
    "start",
    "stop",
    "restart",
    "restart-all",
    "run",
    "pause",
    "resume",
    "all",
    PREPARE,
    "WorkerManager",
];

/// The name of a worker: its file name without the last extension.
///
/// Invariant: 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit, and none of the
/// reserved words, but for [`WorkerId::preparation`]. So it is safe as a file name, in a URL and in a log line. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct WorkerId(Arc<str>);

impl WorkerId {
    /// Checks a name.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn parse(name: &str) -> Result<Self, InvalidId> {
        if name.is_empty() {
            return Err(InvalidId::Empty);
        }
        if name.len() > MAX_LENGTH {
            return Err(InvalidId::TooLong(name.chars().count()));
        }
        if RESERVED.contains(&name) {
            return Err(InvalidId::Reserved(name.to_owned()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if let Some(bad) = name.chars().find(|c| !allowed(*c)) {
            return Err(InvalidId::Character(bad));
        }
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(InvalidId::Start);
        }
        Ok(Self(name.into()))
    }

    /// The name under which the logs keep the output of the preparation of packages, beside that of
    /// the workers. No worker can have it.
    #[must_use]
    pub fn preparation() -> Self {
        Self(PREPARE.into())
    }

    /// The name of a worker or of the preparation of packages: whose lines a log may hold.
    ///
    /// # Errors
    /// As [`WorkerId::parse`].
    pub fn parse_log_name(name: &str) -> Result<Self, InvalidId> {
        if name == PREPARE { Ok(Self::preparation()) } else { Self::parse(name) }
    }

    /// The id that a file of this name has: the name without its last extension.
    ///
    /// # Errors
    /// As [`WorkerId::parse`].
    pub fn of_file_name(name: &str) -> Result<Self, InvalidId> {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        Self::parse(stem)
    }

    /// The id that a file at this path in the folder of workers has: that of its name, or, for
    /// `NAME/index.js` and `NAME/__main__.py`, that of its folder, since in both languages the
    /// folder is what people call the program.
    ///
    /// # Errors
    /// As [`WorkerId::parse`].
    pub fn of_path(path: &Path) -> Result<Self, InvalidId> {
        let text = |name: Option<&OsStr>| name.map(os_text::kept_os).unwrap_or_default();
        let is_entry = path.file_stem() == Some(OsStr::new("index")) || is_main_module(path);
        match path.parent().and_then(Path::file_name).filter(|_| is_entry) {
            Some(folder) => Self::parse(&text(Some(folder))),
            None => Self::of_file_name(&text(path.file_name())),
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a path is `NAME/__main__.py`, what `python NAME` runs.
#[must_use]
pub fn is_main_module(path: &Path) -> bool {
    path.file_name() == Some(OsStr::new("__main__.py"))
        && path.parent().and_then(Path::file_name).is_some()
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for WorkerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Borrow<str> for WorkerId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Why a name cannot be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Nothing is left once the extension is taken away.
    #[error("the id is empty; an id has 1 to 64 of `A-Z a-z 0-9 . _ -`")]
    Empty,
    /// Longer than 64 characters; holds the length.
    #[error("the id has {0} characters; at most {MAX_LENGTH} are allowed")]
    TooLong(usize),
    /// A character outside the alphabet.
    #[error("the id has the character {}; allowed are `A-Z a-z 0-9 . _ -`", shown_char(*.0))]
    Character(char),
    /// Begins with a dot, an underscore or a dash.
    #[error("the id must begin with a letter or digit")]
    Start,
    /// A word that arcanos uses for itself.
    #[error("the id `{0}` is a word that arcanos uses for itself; rename the file")]
    Reserved(String),
}

/// A character of a name in quotes, escaped; one that stands for a byte that is not UTF-8 as `\xe9`.
fn shown_char(c: char) -> String {
    match os_text::shown(c.encode_utf8(&mut [0; 4])) {
        Cow::Borrowed(_) => format!("{c:?}"),
        Cow::Owned(byte) => format!("'{byte}'"),
    }
}

/// What the runtime calls the thing that runs a worker now: a pid for a child process. Opaque
/// above the runtime.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstanceName(Arc<str>);

impl InstanceName {
    /// A name that the runtime gives.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of one run: unique over all runs of all instances of arcanos.
///
/// It begins with the name of the instance, so that a later instance knows the leftovers of an
/// earlier one by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunId(Arc<str>);

impl RunId {
    /// The run with this number of this instance.
    #[must_use]
    pub fn new(instance: &str, number: u64) -> Self {
        Self(format!("{instance}-{number}").into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Counts applied changes of config or workers; the first applied state is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Generation(pub u64);

impl Generation {
    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_that_stands_for_its_folder_has_the_folders_id() {
        for (path, id) in [
            ("a.js", "a"),
            ("index.js", "index"),
            ("alpha/index.js", "alpha"),
            ("deep/beta/index.mts", "beta"),
            ("gamma/__main__.py", "gamma"),
            ("gamma/main.py", "main"),
        ] {
            let found = WorkerId::of_path(Path::new(path)).map(|id| id.to_string());
            assert_eq!(found, Ok(id.to_owned()), "{path}");
        }
        assert!(WorkerId::of_path(Path::new("__main__.py")).is_err(), "it has no folder");
    }

    #[test]
    fn an_id_is_the_file_name_without_its_last_extension() {
        for (name, id) in
            [("goalWatcher.js", "goalWatcher"), ("a.b-c_d.sh", "a.b-c_d"), ("9.sh", "9")]
        {
            assert_eq!(WorkerId::of_file_name(name).map(|i| i.to_string()), Ok(id.to_owned()));
        }
    }

    #[test]
    fn names_outside_the_alphabet_are_refused_with_the_reason() {
        let long = format!("{}.js", "x".repeat(65));
        for (name, reason) in [
            (".js", InvalidId::Empty),
            ("a b.js", InvalidId::Character(' ')),
            ("größe.js", InvalidId::Character('ö')),
            ("-a.js", InvalidId::Start),
            ("_a.js", InvalidId::Start),
            ("restart-all.js", InvalidId::Reserved("restart-all".into())),
            (&long, InvalidId::TooLong(65)),
        ] {
            assert_eq!(WorkerId::of_file_name(name), Err(reason), "{name}");
        }
        assert!(WorkerId::parse(&"x".repeat(64)).is_ok());
    }

    #[test]
    fn a_name_that_is_not_utf8_is_refused_by_the_byte() {
        let refused = |path: &[u8]| {
            WorkerId::of_path(Path::new(OsStr::from_bytes(path))).map_err(|fault| fault.to_string())
        };
        let reason = "the id has the character '\\xe9'; allowed are `A-Z a-z 0-9 . _ -`";
        assert_eq!(refused(b"n\xe9me.js"), Err(reason.to_owned()));
        assert_eq!(refused(b"n\xe9me/index.js"), Err(reason.to_owned()));
        assert_eq!(refused(b"n\xe9me/a.js").map(|id| id.to_string()), Ok("a".to_owned()));
    }

    #[test]
    fn the_words_of_arcanos_are_no_ids_and_others_like_them_are() {
        let words = "arcanos status logs start stop restart restart-all run pause resume all \
                     prepare WorkerManager";
        for word in words.split_whitespace() {
            let reserved = Err(InvalidId::Reserved(word.to_owned()));
            assert_eq!(WorkerId::of_file_name(&format!("{word}.py")), reserved);
            assert!(WorkerId::parse(&format!("{word}2")).is_ok(), "{word}2");
        }
        assert!(WorkerId::parse("workermanager").is_ok() && WorkerId::parse("All").is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_an_id_is_a_safe_name_of_a_file(name in r"[a-z9A._/\\\x00\x1b%é -]{0,70}") {
            let Ok(id) = WorkerId::parse(&name) else {
                return Ok(());
            };
            prop_assert_eq!(id.to_string(), name.as_str());
            let path = std::path::Path::new(&name);
            prop_assert_eq!(path.file_name().and_then(|n| n.to_str()), Some(name.as_str()));
            prop_assert!(name.len() <= MAX_LENGTH && name.is_ascii());
            prop_assert!(name.starts_with(|c: char| c.is_ascii_alphanumeric()));
            prop_assert_eq!(WorkerId::of_file_name(&format!("{name}.js")), Ok(id));
        }
    }
}
