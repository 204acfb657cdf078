//! A reference to a local module or file in code, and which resolution rules apply to it.

use std::borrow::Cow;

use super::{code::ImportKind, manifest::Condition};

/// A module or file that a file names, and that may be a local file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// As the code spells it: `./shared/client`, `#lib/x`, `@acme/shared`.
    pub specifier: String,
    /// The line of the import, from 1.
    pub line: u32,
    /// By whose rules it is found.
    pub way: Way,
}

/// By whose rules a named file is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// A module of JavaScript, by `import`.
    Import,
    /// A module of JavaScript, by `require`.
    Require,
    /// A path from the folder of the file: `new URL(…, import.meta.url)`.
    Located,
    /// A program that is started by its path from the working directory: `fork(…)`.
    Started,
    /// A module of Python.
    Python,
}

impl Way {
    /// How conditions of a package are to be taken; `None` for what is not a module of Node.
    pub(super) const fn condition(self) -> Option<Condition> {
        match self {
            Self::Import => Some(Condition::Import),
            Self::Require => Some(Condition::Require),
            Self::Located | Self::Started | Self::Python => None,
        }
    }
}

/// A name in the code, wherever it was found.
#[derive(Debug)]
pub(super) struct Named<'a> {
    pub(super) specifier: Cow<'a, str>,
    pub(super) at: usize,
    pub(super) kind: ImportKind,
    pub(super) way: Way,
    /// Whether it can only be a local file, and no use of a package.
    pub(super) is_local_only: bool,
}
